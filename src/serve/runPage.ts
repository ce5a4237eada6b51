/** The page of one run: how it stands, its curves while they grow, where its time goes, and its result. */
import { readFile } from 'node:fs/promises';
import type { Evaluation } from '../evaluate/results.js';
import { escapeHtml } from '../report/escape.js';
import { EVAL_LEGEND, evalTables, headline, targetLine } from '../report/evalTable.js';
import { factTable } from '../report/page.js';
import { factRows } from '../report/runReport.js';
import { percent, toHtml } from '../report/table.js';
import { durationText, live, renderServed, section } from './page.js';
import { isOwnFile, type RunSummary } from './runs.js';
import { shortNumber, stateBadge } from './runsPage.js';

export async function runPage(run: RunSummary): Promise<string> {
  const evaluation = run.result && (JSON.parse(await readFile(run.folder.evaluation, 'utf8')) as Evaluation);
  const synthetic = run.facts?.synthetic === true || evaluation?.synthetic === true;
  const body = [
    live('standing', standing(run)),
    section('curves', 'Training', curvesOf([run.id])),
    section(
      'time',
      'Where the time goes',
      '<div class="shares" data-seconds></div>\n<p class="note">Mean of the newest 200 steps. Decoding (load) goes on beside the computation: only what is waited for costs time.</p>',
    ),
    live('result', await resultOf(run, evaluation)),
    run.facts === null ? '' : section('facts', 'Run facts', factTable('How this run was made', factRows(run.facts))),
  ];
  return renderServed({ title: run.id, place: '/', body: body.join('\n'), scripts: ['live', 'curves'], synthetic });
}

/** Where client/curves.js draws the curves of runs over each other. */
export function curvesOf(ids: readonly string[]): string {
  return `<div class="curves" data-curves="${escapeHtml(JSON.stringify(ids))}"><p class="muted">Curves appear with the first step.</p></div>`;
}

function standing({ state, what, hint, epochs, last, left, result }: RunSummary): string {
  // A run at work needs nothing, and one that is done and evaluated has what the hint asks for.
  const next = state === 'running' || (state === 'finished' && result !== null) ? undefined : hint;
  const figures = [
    {
      name: 'state',
      value: stateBadge(state),
      more: `${escapeHtml(what)}${next ? `; ${escapeHtml(next)}` : ''}`,
    },
    {
      name: 'epoch',
      value: last === null ? '–' : `${epochs.at} of ${epochs.of}`,
      more:
        last === null
          ? 'the network has not begun'
          : `step ${last.step}${left === null ? '' : `, about ${durationText(left)} left`}`,
    },
    ...(last === null
      ? []
      : [{ name: 'loss', value: shortNumber(last.loss), more: `${shortNumber(last.images_per_s)} images/s` }]),
    ...(result === null
      ? []
      : [
          {
            name: 'HTER at source-dev-eer',
            value: `${percent(result.hter)} %`,
            more: `${result.level} level, unseen target`,
          },
          {
            name: 'AUC',
            value: `${percent(result.auc)} %`,
            more: escapeHtml(`${result.checkpoint ?? ''}, convention ${result.convention}`),
          },
        ]),
  ];
  const items = figures.map(
    ({ name, value, more }) =>
      `<div><dt>${name}</dt><dd class="value">${value}</dd><dd class="more">${more}</dd></div>`,
  );
  return `<dl class="figures">${items.join('')}</dl>`;
}

async function resultOf({ id, folder, state }: RunSummary, evaluation: Evaluation | null): Promise<string> {
  const path = escapeHtml(folder.path);
  if (evaluation === null) {
    const next =
      state === 'finished'
        ? `<p>Not evaluated yet: <code>ldc eval --run '${path}'</code></p>`
        : '<p class="muted">Comes when the training is done and evaluated.</p>';
    return section('eval', 'Result', next);
  }
  const report = (await isOwnFile(folder.report))
    ? `<p><a class="button" href="/report?id=${encodeURIComponent(id)}">The whole report: ROC, histograms, maps, mistakes</a></p>`
    : `<p class="muted">For ROC, histograms, maps and mistakes: <code>ldc report --run '${path}'</code></p>`;
  const body = [
    ...[headline(evaluation), ...evaluation.targets.map(targetLine)].map(
      (line) => `<p class="muted">${escapeHtml(line)}</p>`,
    ),
    report,
    ...evalTables(evaluation).map(toHtml),
    ...EVAL_LEGEND.map((note) => `<p class="note">${escapeHtml(note)}</p>`),
  ];
  return section('eval', 'Result', body.join('\n'));
}
