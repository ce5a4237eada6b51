/** Results of others in a study: score files, and ONNX models with a card, evaluated by the code that evaluates the study's own runs. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import type { Protocol } from '../config/protocol.js';
import { sha256 } from '../data/cropSet.js';
import type { SourceDevelopment } from '../evaluate/evaluation.js';
import type { Evaluation } from '../evaluate/results.js';
import { readScores } from '../evaluate/scoreFile.js';
import type { Scores } from '../evaluate/scores.js';
import { evaluateBare, NO_SOURCE } from '../run/evaluation/scored.js';
import { cardFileFor } from '../run/models/foreignCard.js';
import { type StudyFolder, taskId } from './expand.js';
import type { External, Study } from './studyFile.js';

/** One result of others; `seed` counts the files of a protocol. */
export interface ExternalResult {
  /** As tables name it. */
  title: string;
  protocol: Protocol;
  seed: number;
  evaluation: Evaluation;
  target: Scores;
  source: SourceDevelopment;
  /** What it was made from, with its hash. */
  facts: { name: string; value: string };
}

/** A model under one protocol, and where its evaluation and scores go. Another model or card is another one. */
export interface ExternalModelTask {
  id: string;
  title: string;
  protocol: Protocol;
  model: string;
  card: string | undefined;
  facts: ExternalResult['facts'];
  /** Folder of target.csv and source-dev.csv. */
  scores: string;
}

export function externalTitle({ name }: Pick<External, 'name'>): string {
  return `${name} (external)`;
}

/** @throws UserError for a model that is not there */
export async function externalModelTasks(study: Study, folder: StudyFolder): Promise<ExternalModelTask[]> {
  const tasks: ExternalModelTask[] = [];
  for (const external of study.external) {
    if (external.model === undefined) continue;
    const { name, model } = external;
    const card = cardFileFor(model, external.card);
    const contents = await Promise.all(
      [model, card].flatMap((file) => (file === undefined ? [] : [contentOf(file, name)])),
    );
    const hash = sha256(Buffer.concat(contents));
    for (const protocol of study.columns.flatMap(({ protocols }) => protocols)) {
      const id = taskId(protocol, `external-${name}-${hash.slice(0, 8)}`);
      const facts = {
        name: `external ${name}`,
        value: `${model}${card === undefined ? '' : ` with ${card}`}, sha256 ${hash}`,
      };
      tasks.push({
        id,
        title: externalTitle(external),
        protocol,
        model,
        card,
        facts,
        scores: join(folder.external, id),
      });
    }
  }
  return tasks;
}

/** Those that are there; score files are read each time. @throws UserError for a score file that is none */
export async function externalResults(
  study: Study,
  folder: StudyFolder,
): Promise<{ done: ExternalResult[]; missing: ExternalModelTask[] }> {
  const done: ExternalResult[] = [];
  for (const external of study.external) {
    if (external.model !== undefined) continue;
    for (const { protocol, files } of external.scores) {
      for (const [seed, [targetFile, developmentFile]] of files.entries()) {
        const target = await readScores(targetFile, external.options);
        const source = developmentFile === undefined ? NO_SOURCE : await readScores(developmentFile, external.options);
        const evaluation = { ...evaluateBare(target, source), protocol: protocol.name };
        const named = [targetFile, ...(developmentFile === undefined ? [] : [developmentFile])];
        const hashes = await Promise.all(
          named.map(async (file) => `${file}, sha256 ${sha256(await contentOf(file, external.name))}`),
        );
        const which = files.length > 1 ? `, ${seed + 1}` : '';
        const facts = { name: `external ${external.name}, ${protocol.name}${which}`, value: hashes.join('; ') };
        done.push({ title: externalTitle(external), protocol, seed, evaluation, target, source, facts });
      }
    }
  }
  const missing: ExternalModelTask[] = [];
  for (const task of await externalModelTasks(study, folder)) {
    const result = folder.result(task.id);
    if (!existsSync(result)) {
      missing.push(task);
      continue;
    }
    const evaluation = JSON.parse(await readFile(result, 'utf8')) as Evaluation;
    const development = join(task.scores, 'source-dev.csv');
    const source = existsSync(development) ? await readScores(development) : NO_SOURCE;
    const { title, protocol, facts } = task;
    const target = await readScores(join(task.scores, 'target.csv'));
    done.push({ title, protocol, seed: 0, evaluation, target, source, facts });
  }
  return { done, missing };
}

function contentOf(file: string, name: string): Promise<Buffer> {
  return readFile(file).catch(() => {
    throw new UserError(`${file}, which external.${name} of the study names, is not there`);
  });
}
