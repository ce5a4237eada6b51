/** How much a list of frames holds, in the units that results are named with. */
import type { Frame } from './manifest.js';
import { PerDomain } from './perDomain.js';

/** Numbers of bona fide and attack presentations. */
export interface LiveAttack {
  live: number;
  attack: number;
}

export interface Counts {
  videos: LiveAttack;
  images: LiveAttack;
  subjects: number;
}

/** Videos, images and known subjects of `frames`. */
export function countFrames(frames: Iterable<Pick<Frame, 'domain' | 'video' | 'subject' | 'label'>>): Counts {
  const images = { live: 0, attack: 0 };
  const videos = { live: new PerDomain<true>(), attack: new PerDomain<true>() };
  const subjects = new PerDomain<true>();
  for (const frame of frames) {
    const kind = frame.label === 'live' ? 'live' : 'attack';
    images[kind]++;
    videos[kind].set(frame.domain, frame.video, true);
    if (frame.subject !== '') subjects.set(frame.domain, frame.subject, true);
  }
  return { videos: { live: videos.live.size, attack: videos.attack.size }, images, subjects: subjects.size };
}
