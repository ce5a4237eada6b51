/** The results of a study that are there, and the facts of the runs that gave them. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../base/errors.js';
import type { Evaluation } from '../evaluate/results.js';
import type { RunFacts } from '../run/runFolder.js';
import { expand, type StudyRun, studyFolder } from './expand.js';
import { type ExternalModelTask, type ExternalResult, externalResults } from './external.js';
import type { Study } from './studyFile.js';

export interface StudyResult {
  run: StudyRun;
  evaluation: Evaluation;
  /** run.json; null where the run's folder is gone. */
  facts: RunFacts | null;
}

export interface StudyResults {
  done: readonly StudyResult[];
  missing: readonly StudyRun[];
  /** Of others, and the models of others that are still to be evaluated. */
  external: readonly ExternalResult[];
  externalMissing: readonly ExternalModelTask[];
  /** Some figure is of synthetic data. */
  synthetic: boolean;
}

/** @throws UserError when a result cannot be read */
export async function readResults(study: Study, out: string): Promise<StudyResults> {
  const folder = studyFolder(study, out);
  const [done, missing]: [StudyResult[], StudyRun[]] = [[], []];
  for (const run of expand(study, out)) {
    const path = folder.result(run.id);
    if (!existsSync(path)) {
      missing.push(run);
      continue;
    }
    const facts = existsSync(run.folder.facts) ? await readJson<RunFacts>(run.folder.facts) : null;
    done.push({ run, evaluation: await readJson<Evaluation>(path), facts });
  }
  const others = await externalResults(study, folder);
  const synthetic = [...done, ...others.done].some(({ evaluation }) => evaluation.synthetic === true);
  return { done, missing, external: others.done, externalMissing: others.missing, synthetic };
}

async function readJson<T>(path: string): Promise<T> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`, 'remove it; ldc study run makes it again');
  }
}
