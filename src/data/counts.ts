/** How much a list of frames holds, in the units that results are named with. */
import { type Frame, videoKey } from './manifest.js';

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
export function countFrames(frames: readonly Pick<Frame, 'domain' | 'video' | 'subject' | 'label'>[]): Counts {
  const images = { live: 0, attack: 0 };
  const videos = { live: new Set<string>(), attack: new Set<string>() };
  const subjects = new Set<string>();
  for (const frame of frames) {
    const kind = frame.label === 'live' ? 'live' : 'attack';
    images[kind]++;
    videos[kind].add(videoKey(frame));
    if (frame.subject !== '') subjects.add(JSON.stringify([frame.domain, frame.subject]));
  }
  return { videos: { live: videos.live.size, attack: videos.attack.size }, images, subjects: subjects.size };
}
