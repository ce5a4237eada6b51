/** Draws synthetic crop sets and shows how far they are. */
import { type SynthOptions, synthesise } from '../data/synth/synthesise.js';
import type { Progress } from './progress.js';

/** `synthesise` with its images on `progress`. Throws as it does. */
export async function drawSets(options: Omit<SynthOptions, 'onProgress'>, progress: Progress) {
  let begun = false;
  const summary = await synthesise({
    ...options,
    onProgress: (done, total) => {
      if (!begun) progress.begin('synthetic faces', total);
      begun = true;
      progress.update(done);
    },
  });
  progress.end();
  return summary;
}
