/** Which frames a batch has: balanced over domains and classes for LDCNet, plainly shuffled for the activation network. */
import { UserError } from '../base/errors.js';
import { Philox, purposes } from '../engine/random.js';
import { type Frame, type Label, labels } from './manifest.js';

/** The frames of one domain and class, of which each batch takes `take`. */
export interface Stream {
  /** Positions in the list of frames that the stream was made from. */
  indexes: readonly number[];
  take: number;
}

/**
 * The live and the spoof stream of each domain in `frames`, domains in the order of their first frame.
 * @param key of the configuration, whose `live` and `spoof` are `perDomain`; the error names it
 * @throws UserError when a domain has fewer frames of a class than one batch takes of it: a batch never holds a frame twice
 */
export function balancedStreams(
  frames: readonly Frame[],
  perDomain: Readonly<Record<Label, number>>,
  key?: string,
): Stream[] {
  const domains = [...new Set(frames.map(({ domain }) => domain))];
  return domains.flatMap((domain) =>
    labels.map((label) => {
      const indexes: number[] = [];
      frames.forEach((frame, i) => {
        if (frame.domain === domain && frame.label === label) indexes.push(i);
      });
      const take = perDomain[label];
      if (indexes.length >= take) return { indexes, take };
      const what = `the source domain ${domain} has ${indexes.length} ${label} training frames, fewer than the ${take} of a batch`;
      const told = key !== undefined && indexes.length > 0;
      throw new UserError(what, told ? `--set ${key}.${label}=${indexes.length}` : undefined);
    }),
  );
}

/** Batches in an epoch: as many as the longest stream fills, frames that fill no batch being left out. */
export function epochSteps(streams: readonly Stream[]): number {
  return Math.max(...streams.map(({ indexes, take }) => Math.floor(indexes.length / take)));
}

/**
 * The batches of an epoch as positions in the list of frames: a pure function of its arguments, so that an interrupted epoch is
 * continued by dropping the batches already done. Each stream is shuffled and cut into whole batches; one that ends before
 * the epoch does is shuffled anew. The frames of a batch are shuffled among themselves.
 */
export function epochBatches(streams: readonly Stream[], seed: number, epoch: number): number[][] {
  const random = new Philox(seed, purposes.sampler, epoch);
  const batches = Array.from({ length: epochSteps(streams) }, (): number[] => []);
  for (const { indexes, take } of streams) {
    const perCycle = Math.floor(indexes.length / take);
    let order: number[] = [];
    batches.forEach((batch, step) => {
      const within = step % perCycle;
      if (within === 0) order = random.shuffle([...indexes]);
      batch.push(...order.slice(within * take, (within + 1) * take));
    });
  }
  for (const batch of batches) random.shuffle(batch);
  return batches;
}

/**
 * All of `count` items shuffled and cut into batches of `size`, as positions; what fills no batch is left out, unless there is
 * less than one batch, which then stands alone. A pure function of its arguments.
 */
export function shuffledBatches(count: number, size: number, seed: number, epoch: number): number[][] {
  const order = new Philox(seed, purposes.activationSampler, epoch).shuffle(Array.from({ length: count }, (_, i) => i));
  if (count < size) return count > 0 ? [order] : [];
  return Array.from({ length: Math.floor(count / size) }, (_, i) => order.slice(i * size, (i + 1) * size));
}
