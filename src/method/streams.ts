/**
 * The batches of SSDG, which ERM shares (methods, section 2.4): a stream for each source and class, one frame a video, and from each stream the
 * same number of images a step. An epoch is ten steps.
 */
import { UserError } from '../base/errors.js';
import { type Frame, labels } from '../data/manifest.js';
import { PerDomain } from '../data/perDomain.js';
import { Philox, purposes } from '../engine/random.js';

/** Steps of an epoch. */
export const epochSteps = 10;

/** The sources of `frames`, in the order of their first frame. */
export function domainsOf(frames: readonly Frame[]): string[] {
  return [...new Set(frames.map(({ domain }) => domain))];
}

/** The positions of each video's frames, in their order. */
export function videosOf(frames: readonly Frame[]): number[][] {
  const videos = new PerDomain<number[]>();
  for (const [i, { domain, video }] of frames.entries()) {
    const known = videos.get(domain, video);
    if (known) known.push(i);
    else videos.set(domain, video, [i]);
  }
  return [...videos.values()];
}

/**
 * Live and attacks of source 1, live and attacks of source 2, …: the positions of one frame of each video.
 * @param frame which of a video's frames, counted from 0; of a shorter video the last
 * @throws UserError for a source without live images or without attacks
 */
export function sourceStreams(frames: readonly Frame[], frame: number): number[][] {
  const chosen = videosOf(frames).map((video) => video[Math.min(frame, video.length - 1)]!);
  return domainsOf(frames).flatMap((domain) =>
    labels.map((label) => {
      const own = chosen.filter((i) => frames[i]!.domain === domain && frames[i]!.label === label);
      if (own.length > 0) return own;
      throw new UserError(
        `the source domain ${domain} has no ${label} training frames, and each batch takes some of it`,
      );
    }),
  );
}

export interface StreamOptions {
  /** Images of each stream in a batch. */
  size: number;
  seed: number;
  /** Of the whole training: the last epoch may be shorter. */
  steps: number;
}

/**
 * The batches of an epoch, a pure function of its arguments. Each stream is shuffled, cut into batches of `size`, the last of which holds
 * what is left, and shuffled anew when all of them were taken. Rows stand in the order of the streams.
 */
export function streamBatches(
  streams: readonly (readonly number[])[],
  { size, seed, steps }: StreamOptions,
  epoch: number,
): number[][] {
  const first = epoch * epochSteps;
  const count = Math.max(0, Math.min(epochSteps, steps - first));
  const orders = new Map<number, number[]>();
  return Array.from({ length: count }, (_, k) =>
    streams.flatMap((stream, s) => {
      const cycle = Math.ceil(stream.length / size);
      const [round, within] = [Math.floor((first + k) / cycle), (first + k) % cycle];
      const key = round * streams.length + s;
      let order = orders.get(key);
      if (order === undefined) {
        order = new Philox(seed, purposes.sampler, key).shuffle([...stream]);
        orders.set(key, order);
      }
      return order.slice(within * size, (within + 1) * size);
    }),
  );
}

/** Epochs until a training of `steps` steps is done, at most as many as are asked for. */
export function epochsOf(asked: number, steps: number): number {
  return Math.min(asked, Math.ceil(steps / epochSteps));
}

/** Epochs after which the learning rate falls to a tenth, by the targets (methods, section 2.5): 50 to C and I, else 150. */
export function usualDrop(targets: readonly string[]): number {
  return targets.every((target) => target === 'C' || target === 'I') ? 50 : 150;
}
