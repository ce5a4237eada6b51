/** The original releases that `ldc prepare` reads. */
import { UserError } from '../../base/errors.js';
import { casia } from './casia.js';
import { cefa } from './cefa.js';
import { celebaSpoof } from './celebaSpoof.js';
import { hifimask } from './hifimask.js';
import { hkbu } from './hkbu.js';
import { msu } from './msu.js';
import { oulu } from './oulu.js';
import { replay } from './replay.js';
import { roseYoutu } from './roseYoutu.js';
import { siw } from './siw.js';
import { siwm } from './siwm.js';
import type { Source } from './source.js';
import { surf } from './surf.js';
import { threeDMad } from './threeDMad.js';
import { uniattack } from './uniattack.js';
import { wfas } from './wfas.js';
import { wmca } from './wmca.js';

export const sources: readonly Source[] = [
  oulu,
  casia,
  replay,
  msu,
  threeDMad,
  hkbu,
  siw,
  roseYoutu,
  celebaSpoof,
  wmca,
  surf,
  cefa,
  siwm,
  wfas,
  hifimask,
  uniattack,
];

/** @throws UserError naming the known ones */
export function findSource(id: string): Source {
  const source = sources.find((candidate) => candidate.id === id.toLowerCase());
  if (source) return source;
  throw new UserError(`unknown data set "${id}"`, `one of ${sources.map((known) => known.id).join(', ')}`);
}
