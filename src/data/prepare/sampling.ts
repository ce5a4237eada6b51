/** Which frames of a video are taken. */
import { range } from '../sources/source.js';

export const samplings = ['uniform', 'ssdg', 'first'] as const;
export type Sampling = (typeof samplings)[number];

/**
 * Numbers of the frames taken from a video of `length` frames, rising, each once; fewer than `count` when the video is too short.
 * - `uniform`: the middles of `count` equal parts;
 * - `ssdg`: 6, 6 + ⌊length/count⌋, … as SSDG (CVPR 2020) and those after it do, also where that is 6 again and again; what would lie
 *   behind the video's last frame is that frame;
 * - `first`: the first `count`.
 */
export function sampleFrames(length: number, count: number | 'all', sampling: Sampling): number[] {
  if (length === 0) return [];
  if (count === 'all' || (count >= length && sampling !== 'ssdg')) return range(0, length - 1);
  const numbers = range(0, count - 1).map((i) => {
    if (sampling === 'first') return i;
    if (sampling === 'ssdg') return Math.min(6 + i * Math.floor(length / count), length - 1);
    return Math.floor(((i + 0.5) * length) / count);
  });
  return [...new Set(numbers)];
}
