/** The promise of the synthetic sets: colour, contrast and file length do not tell an attack from a live face; texture does. */
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCrop } from '../../../src/data/synth/codec.js';
import { domains } from '../../../src/data/synth/domains.js';
import { film, receive } from '../../../src/data/synth/film.js';
import { auc, measure, type Sample, simpleNames, transferAuc } from './statistics.js';

const size = 64;
const subjects = 20;
const sets: Sample[][] = [];

beforeAll(async () => {
  for (const [index, domain] of domains.entries()) {
    const samples: Sample[] = [];
    for (let subject = 0; subject < subjects; subject++) {
      const at = { seed: 5, domain: index, subject };
      const visit = receive(domain, at, size);
      for (const [k, medium] of (['live', 'print', 'replay'] as const).entries()) {
        for (const shot of film(domain, visit, at, k + 1, medium, 1)) {
          samples.push(await measure(await encodeCrop(shot, size), medium === 'live'));
        }
      }
    }
    sets.push(samples);
  }
});

function simpleAuc(samples: readonly Sample[], k: number): number {
  const values = (live: boolean) => samples.filter((s) => s.live === live).map((s) => s.simple[k]!);
  return auc(values(true), values(false));
}

describe('shortcuts', () => {
  it.each(simpleNames.map((name, k) => [name, k] as const))('%s tells little in any domain', (_, k) => {
    for (const samples of [...sets, sets.flat()]) {
      expect(simpleAuc(samples, k)).toBeGreaterThan(0.3);
      expect(simpleAuc(samples, k)).toBeLessThan(0.7);
    }
  });

  it('all of them together, learnt on three domains, hardly help on the fourth', () => {
    for (const [d, test] of sets.entries()) {
      const train = sets.filter((_, other) => other !== d).flat();
      expect(transferAuc(train, test, (s) => s.simple)).toBeLessThan(0.7);
    }
  });
});

describe('texture', () => {
  it('learnt on three domains, tells attacks from live faces on the fourth', () => {
    for (const [d, test] of sets.entries()) {
      const train = sets.filter((_, other) => other !== d).flat();
      expect(transferAuc(train, test, (s) => s.texture)).toBeGreaterThan(0.72);
    }
  });
});
