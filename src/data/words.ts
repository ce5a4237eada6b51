/**
 * Words and numbers by which people say live, spoof, and train, dev, test: as labels of score files, in columns and names of lists, as names
 * of folders.
 */
import type { Label, Split } from './manifest.js';

/** What score files say; other words there are no labels, but may name an attack. */
const plainLive = 'live real genuine bonafide'.split(' ');
const plainSpoof = 'spoof fake attack'.split(' ');

/** What lists and folders say. */
const live = [...plainLive, ...'authentic lives reals genuines'.split(' ')];
const spoof = [...plainSpoof, ...'spoofed spoofing spoofs fakes attacks impostor imposter'.split(' ')];

/** Words for a kind of attack, as the manifest calls it. */
const attacks: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    print: 'print prints printed paper photo printedphoto poster',
    replay: 'replay replays replayed screen display',
    mask: 'mask masks 3dmask papermask',
  }).flatMap(([type, words]) => words.split(' ').map((word) => [word, type])),
);

const parts: Readonly<Record<string, Split>> = {
  train: 'train',
  training: 'train',
  dev: 'dev',
  devel: 'dev',
  development: 'dev',
  val: 'dev',
  valid: 'dev',
  validation: 'dev',
  test: 'test',
  testing: 'test',
  eval: 'test',
};

/** What a word says of an image. */
export interface Claim {
  label: Label;
  /** Where the word is that of an attack. */
  attackType?: string;
}

/** What a word for a class says, in any case and with any signs between its parts; `null` for others. */
export function classOf(word: string): Claim | null {
  const plain = plainOf(word);
  if (live.includes(plain)) return { label: 'live' };
  if (spoof.includes(plain)) return { label: 'spoof' };
  const attackType = attackOf(plain);
  return attackType === null ? null : { label: 'spoof', attackType };
}

/** The type that a word for an attack means; `null` for others. */
export function attackOf(word: string): string | null {
  return attacks[plainOf(word)] ?? null;
}

/** In lower case, without the signs between its parts: `Bona-Fide`, `bona fide`. */
function plainOf(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** What stands beside the word for a class without changing it. */
const nouns =
  /^(?:images?|imgs?|pics?|photos?|faces?|videos?|clips?|frames?|crops?|cropped|data|samples?|people|persons?|\d+)$/i;

/** The words of a name: `image_listReal-2` has four. */
function wordsOf(name: string): string[] {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').match(/[A-Za-z]+|\d+/g) ?? [];
}

/**
 * The class that a folder is named for (`real`, `Fake_02`, `live_faces`), and the type of an attack behind it (`spoof_print`). A kind of
 * attack alone is none, nor is one in front of a class: data sets are called so.
 */
export function folderClassOf(name: string): Claim | null {
  const whole = classOf(name);
  if (whole && whole.attackType === undefined) return whole;
  const [first, second, ...others] = wordsOf(name).filter((word) => !nouns.test(word));
  const claim = first === undefined || others.length > 0 ? null : classOf(first);
  if (!claim || claim.attackType !== undefined) return null;
  if (second === undefined) return claim;
  const attackType = claim.label === 'spoof' ? attackOf(second) : null;
  return attackType === null ? null : { label: 'spoof', attackType };
}

/** The part that a word means; `null` for others. */
export function partOf(word: string): Split | null {
  return parts[word.toLowerCase()] ?? null;
}

/** The one part that a name of several words has in it (`replayattack-train`, `Dev_files`); `null` where it has none or two. */
export function partIn(name: string): Split | null {
  const found = new Set(wordsOf(name).flatMap((word) => partOf(word) ?? []));
  return found.size === 1 ? [...found][0]! : null;
}

/** Data sets whose names have a word for a class in them. */
const misleading = /(?:anti|celeb-?a?|replay|in-the-wild)[\W_]*(?:spoof|attack)(?:ing|s)?/gi;

/** The one class that the name of a list has in it (`casia_fake_train.txt`); `null` where it has none or two. */
export function classIn(name: string): Label | null {
  const found = new Set(wordsOf(name.replace(misleading, ' ')).flatMap((word) => folderClassOf(word)?.label ?? []));
  return found.size === 1 ? [...found][0]! : null;
}

/** Whether a column is called after attacks (`fake_flag`), so that 1 in it is one. */
export function namesAttacks(name: string): boolean {
  return wordsOf(name).some((word) => classOf(word)?.label === 'spoof');
}

/** Whether two labels as they stand in a list are one: `1`, `+1` and `1.0` are, as are `Real` and `real`. */
export function sameLabel(a: string, b: string): boolean {
  if (a.trim().toLowerCase() === b.trim().toLowerCase()) return true;
  return isNumber(a) && isNumber(b) && Number(a) === Number(b);
}

/** Whether it is written as people write labels: `1`, `-1`, `+1`, `1.0`. */
export function isNumber(text: string): boolean {
  return /^[+-]?\d+(?:\.\d*)?$/.test(text.trim());
}

/**
 * What a label of a score file means; null where nobody could know.
 * @param liveLabel the value that means live; every other one is an attack then
 */
export function meaningOf(text: string, liveLabel?: string): Label | null {
  if (liveLabel !== undefined) return sameLabel(text, liveLabel) ? 'live' : 'spoof';
  if (isNumber(text)) return Number(text) === 1 ? 'live' : [0, -1].includes(Number(text)) ? 'spoof' : null;
  const plain = plainOf(text);
  return plainLive.includes(plain) ? 'live' : plainSpoof.includes(plain) ? 'spoof' : null;
}

/**
 * What a label of a list says: a word, or a number, of which 1 is live and 0 and below are attacks; `null` for what is neither.
 * @param liveLabel what stands for live; everything else is then an attack
 * @param turned the column is named for attacks, so that 1 is one, and higher numbers others
 */
export function claimOf(text: string, liveLabel: string | undefined, turned: boolean): Claim | null {
  const word = classOf(text);
  if (liveLabel !== undefined) {
    if (sameLabel(text, liveLabel)) return { label: 'live' };
    return { label: 'spoof', attackType: word?.attackType };
  }
  const number = /^(?:true|yes)$/i.test(text) ? '1' : /^(?:false|no)$/i.test(text) ? '0' : text;
  if (!isNumber(number)) return word;
  const value = Number(number);
  if (turned) return { label: value > 0 ? 'spoof' : 'live' };
  if (value !== 1 && value > 0) return null;
  return { label: value === 1 ? 'live' : 'spoof' };
}
