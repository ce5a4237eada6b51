/** What is true of a video is true of its frames. */
import { UserError } from '../../base/errors.js';
import type { NewFrame } from '../manifest.js';

/**
 * @param whereOf says of the n-th frame where it was found
 * @throws UserError naming two frames of one video that differ in what they are
 */
export function checkVideos(
  frames: readonly Pick<NewFrame, 'video' | 'label' | 'split' | 'subject' | 'attackType'>[],
  whereOf: (i: number) => string,
): void {
  const videos = new Map<string, number>();
  for (const [i, frame] of frames.entries()) {
    const at = videos.get(frame.video);
    if (at === undefined) {
      videos.set(frame.video, i);
      continue;
    }
    const first = frames[at]!;
    for (const what of ['label', 'split', 'subject', 'attackType'] as const) {
      if (frame[what] === first[what]) continue;
      const [before, now] = [first[what], frame[what]].map((value) => value || 'of nobody known');
      throw new UserError(
        `the video ${frame.video} is ${before} in ${whereOf(at)} and ${now} in ${whereOf(i)}`,
        'a video has one label, part, person and attack; --video REGEX says which images are of one',
      );
    }
  }
}

/** Said where files are each a video of their own, since nothing in their names groups them. `what`: "images" or "files". */
export function aloneNote(alone: number, total: number, what: string): string {
  const which =
    alone === total ? 'every video has one frame' : `${alone} of ${total} ${what} are each a video of its own`;
  return `${which}: nothing in the names says which images are of one video; --video REGEX says it`;
}
