/** A small run with everything that a report can show, and hostile names in it. */
import { Philox, purposes } from '../../src/engine/random.js';
import { evaluateScores, targetCounts } from '../../src/evaluate/evaluation.js';
import { worstMistakes } from '../../src/evaluate/mistakes.js';
import { type ScoreRow, type Scores, scoresOf } from '../../src/evaluate/scores.js';
import type { ReportInput } from '../../src/report/html.js';
import type { CorruptionPoint } from '../../src/run/evaluation/corruptionSweep.js';

export const HOSTILE = `<img src=x onerror=alert(1)>"'&`;
/** A PNG of one grey pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNsaGj4DwAFhAKB9m1mXAAAAABJRU5ErkJggg==',
  'base64',
);

function sampleScores(domain: string, videos: number, seed: number): Scores {
  const random = new Philox(seed, purposes.synth);
  const rows = Array.from({ length: videos }, (_, v): ScoreRow => {
    const attackType = ['live', 'print', 'replay', HOSTILE][v % 4]!;
    return {
      path: `crops/${HOSTILE}/${v}.png`,
      domain,
      subject: `s${v >> 2}`,
      video: `v${v}`,
      frame: 0,
      label: attackType === 'live' ? 'live' : 'spoof',
      attackType,
      score: 1 / (1 + Math.exp(-random.normal() - (attackType === 'live' ? 1.5 : -1.5))),
      extra: { phone: `${HOSTILE}${v % 3}` },
    };
  });
  return scoresOf(rows, 'sample');
}

/** Error rates that grow by `step` with each degree. */
function sampleCurve(step: number): CorruptionPoint[] {
  return [0, 1, 2, 3, 4, 5].map((severity) => {
    const rate = 0.1 + step * severity;
    return { severity, setting: `${HOSTILE} ${severity}`, auc: 1 - rate, far: rate, frr: rate, hter: rate };
  });
}

export function sampleInput(synthetic = true): ReportInput {
  const target = sampleScores('M', 120, 1);
  const sourceDevelopment = sampleScores('O', 80, 2);
  const { falseAccepts, falseRejects } = worstMistakes(target, 0.5, 4);
  return {
    title: `O&C&I-to-M ${HOSTILE}`,
    generated: '2024-05-01',
    facts: [
      { name: 'version', value: '0.1.0' },
      { name: HOSTILE, value: HOSTILE },
    ],
    evaluation: {
      protocol: 'O&C&I-to-M',
      checkpoint: 'epoch-0003',
      engine: 'native',
      convention: 'honest',
      synthetic,
      targets: targetCounts(target).map((counts) => ({ ...counts, name: HOSTILE, subset: 'all' })),
      levels: evaluateScores(target, sourceDevelopment, { resamples: 100 }),
    },
    level: 'video',
    mode: 'classifier',
    target,
    sourceDevelopment,
    training: Array.from({ length: 90 }, (_, step) => ({
      epoch: 1 + Math.floor(step / 30),
      step,
      loss: 3 / (1 + step),
      ce: 0.7 / (1 + step),
      triplet: 0.1 / (1 + step),
      live_map: 900 / (1 + step),
      spoof_map: 800 / (1 + step),
      images_per_s: 40,
    })),
    features: {
      checkpoint: 'epoch-0003',
      shares: [0.7, 0.2],
      points: ['O', `${HOSTILE} (target)`].flatMap((domain, k) =>
        Array.from({ length: 20 }, (_, i) => ({
          domain,
          label: i % 2 === 0 ? ('live' as const) : ('spoof' as const),
          x: Math.sin(7 * i + k),
          y: Math.cos(3 * i * i + k),
        })),
      ),
    },
    corruptions: {
      checkpoint: 'epoch-0003',
      engine: 'native',
      level: 'video',
      threshold: { name: 'source-dev-eer', value: 0.4 },
      curves: { jpeg: sampleCurve(0.02), noise: sampleCurve(0.07) },
      synthetic,
    },
    overlap: {
      checkpoint: 'epoch-0003',
      overlap: {
        all: { images: 120, counted: 90, iou: 0.4, pointing: 0.7 },
        [HOSTILE]: { images: 30, counted: 0, iou: null, pointing: null },
      },
      synthetic,
    },
    overlays: [{ png: PIXEL, alt: `maps of ${HOSTILE}`, caption: HOSTILE }],
    falseAccepts: falseAccepts.map((mistake, i) => ({ mistake, image: i === 0 ? null : PIXEL })),
    falseRejects: falseRejects.map((mistake) => ({ mistake, image: PIXEL })),
  };
}
