/** Metrics against scikit-learn on random files with ties, tiny classes and several species. Skipped where it is not installed. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Philox, purposes } from '../../src/engine/random.js';
import { evaluateScores } from '../../src/evaluate/evaluation.js';
import { isKnown } from '../../src/evaluate/results.js';
import { scoresOf } from '../../src/evaluate/scores.js';
import { FIXED_THRESHOLD } from '../../src/evaluate/thresholds.js';
import { pythonWith, titled } from '../peers.js';
import { row } from './helpers.js';

const { python, noPython } = pythonWith('sklearn');
const SPECIES = ['print', 'replay', 'mask'];

interface Case {
  score: number[];
  live: number[];
  species: string[];
  threshold: number;
}

/** Sizes from 2 upwards, classes down to a single sample, scores on grids from coarse (many ties) to fine. */
function randomCases(count: number): Case[] {
  return Array.from({ length: count }, (_, k) => {
    const random = new Philox(20221111, purposes.synth, k);
    const n = 2 + random.int(k % 3 === 0 ? 6 : 400);
    const levels = [4, 16, 2 ** 24][random.int(3)]!;
    const liveCount = k % 4 === 0 ? 1 : 1 + random.int(n - 1);
    const live = Array.from({ length: n }, (_, i) => (i < liveCount ? 1 : 0));
    const score = live.map(
      (label) => Math.round((random.uniform() * 0.7 + label * 0.3 * random.uniform()) * levels) / levels,
    );
    const species = live.map((label) => (label ? 'live' : SPECIES[random.int(3)]!));
    return { score, live, species, threshold: FIXED_THRESHOLD };
  });
}

describe.skipIf(noPython)(titled('metrics against scikit-learn', noPython), () => {
  it('agree to 1e-6 over 200 random files', () => {
    const cases = randomCases(200);
    const script = new URL('metricsReference.py', import.meta.url).pathname;
    const child = spawnSync(python, ['-B', script], {
      input: JSON.stringify(cases),
      maxBuffer: 1 << 28,
      encoding: 'utf8',
    });
    expect(child.status, child.stderr).toBe(0);
    const references = JSON.parse(child.stdout);
    const close = (got: number, want: number, what: string) => expect(Math.abs(got - want), what).toBeLessThan(1e-6);
    for (const [k, { score, live, species }] of cases.entries()) {
      const rows = score.map((value, i) =>
        row({ score: value, label: live[i] ? 'live' : 'spoof', attackType: species[i]!, video: `v${i}` }),
      );
      const { frame } = evaluateScores(scoresOf(rows, 'random'), { why: 'not needed here' }, { resamples: 1 });
      const want = references[k];
      close(frame.auc, want.auc, `auc of case ${k}`);
      close(frame.eer, want.eer, `eer of case ${k}`);
      const { fixed } = frame.thresholds;
      const youden = frame.thresholds['target-youden'];
      if (!isKnown(fixed) || !isKnown(youden)) throw new Error('a threshold is missing');
      close(fixed.far, want.far, `far of case ${k}`);
      close(fixed.frr, want.frr, `frr of case ${k}`);
      expect(Object.keys(fixed.apcer)).toEqual(Object.keys(want.apcer));
      for (const name of Object.keys(want.apcer))
        close(fixed.apcer[name]!, want.apcer[name], `apcer ${name} of case ${k}`);
      close(youden.hter, want.youden_hter, `Youden HTER of case ${k}`);
      Object.values(frame.bpcer_at_apcer).forEach((value, i) => {
        close(value, want.bpcer_at_apcer[i], `bpcer@apcer of case ${k}`);
      });
    }
  });
});
