/** Labels as other people write them: 1 and 0, 1 and -1, words, or the one value that a user says is live. */
import type { Label } from './manifest.js';

const words: readonly (readonly [RegExp, Label])[] = [
  [/^(?:live|real|genuine|bona[ _-]?fide)$/i, 'live'],
  [/^(?:spoof|fake|attack)$/i, 'spoof'],
];

/**
 * What a label means: null where nobody could know.
 * @param liveLabel the value that means live; every other one is an attack then. Numbers are the same however they are written: 1, +1, 1.0
 */
export function meaningOf(text: string, liveLabel?: string): Label | null {
  const number = numberIn(text);
  if (liveLabel !== undefined) {
    const wanted = numberIn(liveLabel);
    const same = wanted === null ? text.toLowerCase() === liveLabel.toLowerCase() : wanted === number;
    return same ? 'live' : 'spoof';
  }
  if (number !== null) return number === 1 ? 'live' : number === 0 || number === -1 ? 'spoof' : null;
  return words.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/** Whether it is written as a number. */
export function isNumber(text: string): boolean {
  return numberIn(text) !== null;
}

function numberIn(text: string): number | null {
  return /^[+-]?\d+(?:\.\d*)?$/.test(text) ? Number(text) : null;
}
