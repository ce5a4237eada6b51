/** Error rates at a given threshold: pooled, and per attack instrument species as ISO/IEC 30107-3 asks. */
import type { Factor } from './columns.js';
import type { LabelledScores } from './roc.js';

/** Shares of the pooled attacks that are accepted and of the live that are rejected, and their mean. */
export interface ErrorRates {
  far: number;
  frr: number;
  hter: number;
}

/** `ErrorRates` with the terms of ISO/IEC 30107-3: APCER by species, the worst of them, and its mean with BPCER. */
export interface PadErrorRates extends ErrorRates {
  bpcer: number;
  apcer: Record<string, number>;
  apcer_max: number;
  acer: number;
}

/**
 * FAR, FRR and HTER of samples of both classes; a sample is accepted when its score is at least `threshold`. A class without
 * samples gives NaN.
 */
export function errorRatesAt(samples: LabelledScores, threshold: number): ErrorRates {
  let live = 0;
  let rejectedLive = 0;
  let attacks = 0;
  let acceptedAttacks = 0;
  for (let i = 0; i < samples.score.length; i++) {
    const accepted = samples.score[i]! >= threshold;
    if (samples.live[i] === 1) {
      live++;
      if (!accepted) rejectedLive++;
    } else {
      attacks++;
      if (accepted) acceptedAttacks++;
    }
  }
  const far = acceptedAttacks / attacks;
  const frr = rejectedLive / live;
  return { far, frr, hter: (far + frr) / 2 };
}

/** `errorRatesAt` and the rates per attack type; species without a sample do not appear, the others do in order of name. */
export function padErrorRatesAt(samples: LabelledScores & { attackType: Factor }, threshold: number): PadErrorRates {
  const rates = errorRatesAt(samples, threshold);
  const apcer = apcerBySpecies(samples, threshold);
  const worst = Math.max(...Object.values(apcer));
  return { ...rates, bpcer: rates.frr, apcer, apcer_max: worst, acer: (worst + rates.frr) / 2 };
}

function apcerBySpecies(samples: LabelledScores & { attackType: Factor }, threshold: number): Record<string, number> {
  const { codes, names } = samples.attackType;
  const attacks = new Float64Array(names.length);
  const accepted = new Float64Array(names.length);
  for (let i = 0; i < samples.score.length; i++) {
    if (samples.live[i] === 1) continue;
    attacks[codes[i]!]!++;
    if (samples.score[i]! >= threshold) accepted[codes[i]!]!++;
  }
  const present = [...names.keys()]
    .filter((code) => attacks[code]! > 0)
    .sort((a, b) => (names[a]! < names[b]! ? -1 : 1));
  return Object.fromEntries(present.map((code) => [names[code]!, accepted[code]! / attacks[code]!]));
}
