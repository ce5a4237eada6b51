/** Draws synthetic crop sets and shows how far they are. */
import { type SynthOptions, type SynthSummary, synthesise } from '../../data/synth/synthesise.js';
import { type Progress, stageOf } from '../progress.js';

/** `synthesise` with its images on `progress`. Throws as it does. */
export async function drawSets(options: Omit<SynthOptions, 'onProgress'>, progress: Progress): Promise<SynthSummary> {
  return synthesise({ ...options, onProgress: stageOf(progress, 'synthetic faces', 'images') });
}
