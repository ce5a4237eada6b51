import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { balancedStreams, epochBatches, epochSteps, shuffledBatches } from '../../src/data/sampler.js';
import { frame } from './helpers.js';

/** Frames of a domain, live first. */
const domainOf = (domain: string, live: number, spoof: number) => [
  ...Array.from({ length: live }, () => frame({ domain })),
  ...Array.from({ length: spoof }, (_, i) => frame({ domain, label: 'spoof', attackType: i % 2 ? 'print' : 'replay' })),
];
const five = { live: 5, spoof: 5 };
// Streams of 23, 8, 31, 12, 5 and 17 frames: the longest, 31 of C's live, fills 6 batches.
const frames = [...domainOf('O', 23, 8), ...domainOf('C', 31, 12), ...domainOf('I', 5, 17)];

describe('epochBatches', () => {
  const streams = balancedStreams(frames, five);
  const batches = epochBatches(streams, 3, 0);

  it('is as long as the longest stream, its incomplete batch dropped', () => {
    expect(epochSteps(streams)).toBe(6);
    expect(batches).toHaveLength(6);
  });

  it('has 5 live and 5 spoof frames of each domain in a batch, none twice', () => {
    for (const batch of batches) {
      expect(new Set(batch).size).toBe(30);
      for (const domain of ['O', 'C', 'I']) {
        for (const label of ['live', 'spoof']) {
          expect(batch.filter((i) => frames[i]!.domain === domain && frames[i]!.label === label)).toHaveLength(5);
        }
      }
    }
  });

  it('draws the longest stream without repetition, and a shorter one once a cycle, shuffled anew', () => {
    const drawn = (s: number) =>
      batches.map((batch) => batch.filter((i) => streams[s]!.indexes.includes(i)).sort((a, b) => a - b));
    const longest = drawn(2).flat();
    expect(new Set(longest).size).toBe(30);
    // 23 frames fill 4 batches a cycle.
    expect(new Set(drawn(0).slice(0, 4).flat()).size).toBe(20);
    expect(new Set(drawn(0).slice(4).flat()).size).toBe(10);
    // 12 frames fill 2: cycles must differ from each other.
    const cycles = [0, 2, 4].map((first) => drawn(3).slice(first, first + 2));
    for (const cycle of cycles) expect(new Set(cycle.flat()).size).toBe(10);
    expect(new Set(cycles.map((cycle) => JSON.stringify(cycle))).size).toBe(3);
    // 5 frames are the whole batch each time.
    for (const batch of drawn(4)) expect(batch).toEqual([...streams[4]!.indexes]);
  });

  it('is shuffled inside the batch', () => {
    const domains = batches.map((batch) => batch.map((i) => frames[i]!.domain + frames[i]!.label).join());
    expect(new Set(domains).size).toBe(6);
    // The first place of a batch is taken by every stream sooner or later.
    const firsts = new Set<string>();
    for (let epoch = 0; epoch < 20; epoch++) {
      for (const [first] of epochBatches(streams, 3, epoch)) firsts.add(frames[first!]!.domain + frames[first!]!.label);
    }
    expect(firsts.size).toBe(6);
  });

  it('is a pure function of seed and epoch', () => {
    expect(epochBatches(streams, 3, 0)).toEqual(batches);
    expect(epochBatches(streams, 3, 1)).not.toEqual(batches);
    expect(epochBatches(streams, 4, 0)).not.toEqual(batches);
  });

  it('uses every frame in the long run', () => {
    const seen = new Set<number>();
    for (let epoch = 0; epoch < 30; epoch++)
      for (const batch of epochBatches(streams, 0, epoch)) for (const i of batch) seen.add(i);
    expect(seen.size).toBe(frames.length);
  });

  it('takes other numbers, and other numbers of domains', () => {
    const pair = [...domainOf('M', 9, 4), ...domainOf('I', 3, 8)];
    const batches = epochBatches(balancedStreams(pair, { live: 3, spoof: 2 }), 0, 0);
    expect(batches.map((batch) => batch.length)).toEqual([10, 10, 10, 10]);
    const live = batches.map((batch) => batch.filter((i) => pair[i]!.label === 'live').length);
    expect(live).toEqual([6, 6, 6, 6]);
  });

  it('refuses a domain with fewer frames than a batch takes', () => {
    const refused = (...list: Parameters<typeof balancedStreams>) => {
      try {
        balancedStreams(...list);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        return error as UserError;
      }
      throw new Error('nothing was thrown');
    };
    const few = [...frames, ...domainOf('M', 3, 9)];
    const error = refused(few, five, 'train.per_domain');
    expect(error.message).toBe('the source domain M has 3 live training frames, fewer than the 5 of a batch');
    expect(error.hint).toBe('--set train.per_domain.live=3');
    expect(refused(few, five).hint).toBeUndefined();
    expect(refused(domainOf('M', 9, 0), five, 'train.per_domain').hint).toBeUndefined();
  });
});

describe('shuffledBatches', () => {
  it('covers the items once, leaving out what fills no batch', () => {
    const batches = shuffledBatches(17, 5, 1, 0);
    expect(batches.map((batch) => batch.length)).toEqual([5, 5, 5]);
    expect(new Set(batches.flat()).size).toBe(15);
    expect(
      shuffledBatches(15, 5, 1, 0)
        .flat()
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 15 }, (_, i) => i));
  });

  it('makes one batch of fewer items than a batch has', () => {
    expect(shuffledBatches(3, 60, 1, 0).map((batch) => [...batch].sort())).toEqual([[0, 1, 2]]);
    expect(shuffledBatches(0, 60, 1, 0)).toEqual([]);
  });

  it('is a pure function of seed and epoch', () => {
    expect(shuffledBatches(40, 8, 1, 2)).toEqual(shuffledBatches(40, 8, 1, 2));
    expect(shuffledBatches(40, 8, 1, 3)).not.toEqual(shuffledBatches(40, 8, 1, 2));
    expect(shuffledBatches(40, 8, 2, 2)).not.toEqual(shuffledBatches(40, 8, 1, 2));
  });
});
