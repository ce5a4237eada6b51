/** The batches of SSDG and ERM: what each step takes, and that it depends on seed and epoch alone. */
import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/data/manifest.js';
import { frameBatches } from '../../src/method/safas/training.js';
import { epochsOf, sourceStreams, streamBatches, usualDrop, videosOf } from '../../src/method/streams.js';

/** `count` videos of a domain and label with `each` frames. */
function videos(domain: string, label: 'live' | 'spoof', count: number, each: number): Frame[] {
  return Array.from({ length: count * each }, (_, i) => {
    return { domain, label, video: `${label}${Math.floor(i / each)}`, frame: i % each } as unknown as Frame;
  });
}

const frames = [
  ...videos('O', 'live', 3, 9),
  ...videos('O', 'spoof', 5, 2),
  ...videos('C', 'live', 4, 1),
  ...videos('C', 'spoof', 2, 1),
];
const streams = sourceStreams(frames, 6);
const options = { size: 2, seed: 3, steps: 24 };

describe('streams of source and class', () => {
  it('have one frame of each video, the seventh or the last', () => {
    expect(streams.map(({ length }) => length)).toEqual([3, 5, 4, 2]);
    expect(streams[0]!.map((i) => frames[i]!.frame)).toEqual([6, 6, 6]);
    expect(streams[1]!.map((i) => frames[i]!.frame)).toEqual([1, 1, 1, 1, 1]);
  });

  it('need live images and attacks of each source', () => {
    expect(() => sourceStreams(frames.slice(27), 6)).toThrow('the source domain O has no live training frames');
  });

  it('give ten steps an epoch, in rows of live and attacks of source after source, short batches kept', () => {
    const batches = [0, 1, 2].flatMap((epoch) => streamBatches(streams, options, epoch));
    expect(batches).toHaveLength(24);
    const kinds = batches[1]!.map((i) => `${frames[i]!.domain} ${frames[i]!.label}`);
    expect(kinds).toEqual([
      'O live',
      ...Array(2).fill('O spoof'),
      ...Array(2).fill('C live'),
      ...Array(2).fill('C spoof'),
    ]);
    // Each stream gives all of its frames before it is shuffled anew.
    const ofStream = (s: number, from: number, to: number) =>
      batches
        .slice(from, to)
        .flatMap((batch) => batch.filter((i) => streams[s]!.includes(i)))
        .sort((a, b) => a - b);
    for (const [s, cycle] of [2, 3, 2, 1].entries()) {
      for (let from = 0; from + cycle <= 24; from += cycle) expect(ofStream(s, from, from + cycle)).toEqual(streams[s]);
    }
  });

  it('are shuffled by the seed, and alike whenever an epoch is asked for', () => {
    expect(streamBatches(streams, options, 1)).toEqual(streamBatches(streams, options, 1));
    expect(streamBatches(streams, options, 1)).not.toEqual(streamBatches(streams, { ...options, seed: 4 }, 1));
  });
});

it('a training of 4001 steps has 401 epochs, the last of one step', () => {
  expect(epochsOf(1000, 4001)).toBe(401);
  expect(epochsOf(5, 4001)).toBe(5);
  expect(streamBatches(streams, { ...options, steps: 4001 }, 400)).toHaveLength(1);
});

it('the learning rate falls after 150 epochs to M and O, after 50 to C and I', () => {
  expect(['M', 'O', 'C', 'I'].map((target) => usualDrop([target]))).toEqual([150, 150, 50, 50]);
});

it('SA-FAS takes one random frame of each video an epoch, and keeps the last batch', () => {
  const all = videosOf(frames);
  const batches = frameBatches(all, 4, 0, 7);
  expect(batches.map(({ length }) => length)).toEqual([4, 4, 4, 2]);
  const chosen = batches.flat();
  for (const video of all) expect(chosen.filter((i) => video.includes(i))).toHaveLength(1);
  expect(frameBatches(all, 4, 0, 7)).toEqual(batches);
  expect(frameBatches(all, 4, 0, 8)).not.toEqual(batches);
});
