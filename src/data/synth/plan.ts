/** What a synthesis will make: sets, videos and frames with their names, and the recipe that makes them again. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../../base/errors.js';
import type { NewFrame, Split } from '../manifest.js';
import { type Domain, domains } from './domains.js';
import { inTurn, type Medium } from './film.js';
import type { Person } from './photos.js';

/** Goes up when equal options begin to give other pictures. */
const recipeVersion = 1;
const media: readonly Medium[] = ['live', 'print', 'replay'];

export interface PlanOptions {
  seed: number;
  subjects: number;
  frames: number;
  size: number;
}

export interface Video {
  subject: number;
  name: string;
  medium: Medium;
  /** From 1, the order in the subject's visit. */
  number: number;
  person: Person | undefined;
  frames: NewFrame[];
}

export interface SetPlan {
  index: number;
  domain: Domain;
  recipe: Record<string, unknown>;
  videos: Video[];
  frames: NewFrame[];
}

/** Every set, video and frame of a synthesis before anything is drawn. */
export async function planSets(options: PlanOptions, people: readonly Person[]): Promise<SetPlan[]> {
  const subjects = people.length > 0 ? Math.min(options.subjects, people.length) : options.subjects;
  const faces = people.length > 0 ? await describePeople(people, subjects) : null;
  const { seed, frames, size } = options;
  return domains.map((domain, index) => {
    const videos = Array.from({ length: subjects }, (_, subject) => {
      const person = people[(index * subjects + subject) % people.length];
      return media.map((medium, k) => planVideo(domain, medium, { subject, subjects, number: k + 1, frames, person }));
    }).flat();
    const { name, letter, splits, ...parameters } = domain;
    const recipe = {
      made_by: 'ldc synth',
      version: recipeVersion,
      seed,
      subjects,
      frames,
      size,
      faces,
      domain: parameters,
    };
    return { index, domain, recipe, videos, frames: videos.flatMap((video) => video.frames) };
  });
}

interface Slot {
  subject: number;
  subjects: number;
  number: number;
  frames: number;
  person: Person | undefined;
}

function planVideo(domain: Domain, medium: Medium, { subject, subjects, number, frames, person }: Slot): Video {
  const who = String(subject + 1).padStart(String(subjects).length, '0');
  const name = `s${who}_${medium}`;
  const instruments: Record<'print' | 'replay', readonly { name: string }[]> = {
    print: domain.printers,
    replay: domain.displays,
  };
  const pai = medium === 'live' ? '' : inTurn(instruments[medium], subject).name;
  return {
    subject,
    name,
    medium,
    number,
    person,
    frames: Array.from({ length: frames }, (_, frame) => ({
      path: `crops/${name}_${String(frame).padStart(String(frames - 1).length, '0')}.jpg`,
      split: splitOf(domain, (subject + 0.5) / subjects),
      subject: who,
      video: name,
      frame,
      label: medium === 'live' ? 'live' : 'spoof',
      attackType: medium,
      pai,
    })),
  };
}

/** The split of the subject who stands at `position`, 0…1, among all. */
function splitOf({ splits }: Domain, position: number): Split {
  if (position < splits.train) return 'train';
  return position < splits.train + splits.dev ? 'dev' : 'test';
}

/** What a recipe says of the photographs: which they were, not where they lay. */
async function describePeople(people: readonly Person[], subjects: number): Promise<Record<string, unknown>> {
  const hash = createHash('sha256');
  for (const file of people.flatMap(({ files }) => files)) {
    const bytes = await readFile(file).catch((error: unknown) => {
      throw new UserError(`cannot read the face photograph ${file}: ${messageOf(error)}`);
    });
    hash.update(createHash('sha256').update(bytes).digest());
  }
  return {
    people: people.length,
    photographs: people.reduce((sum, { files }) => sum + files.length, 0),
    sha256: hash.digest('hex'),
    people_in_several_domains: subjects * domains.length > people.length,
  };
}
