/** The page Compare: two to five runs, their curves and ROC over each other, their figures, and the paired tests. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../base/errors.js';
import type { Comparison } from '../evaluate/compare.js';
import { rocAt } from '../evaluate/evaluation.js';
import { compareTable } from '../report/compareTable.js';
import { escapeHtml } from '../report/escape.js';
import { plotSection } from '../report/page.js';
import { rocComparison } from '../report/rocPlots.js';
import { percent, toHtml } from '../report/table.js';
import { openScored } from '../run/evaluation/scored.js';
import { ldcProgram } from '../study/ldc.js';
import { renderServed, section } from './page.js';
import { curvesOf } from './runPage.js';
import type { RunSummary } from './runs.js';
import { runLink, stateBadge } from './runsPage.js';

/** More curves over each other cannot be told apart. */
export const mostCompared = 5;

/** The runs that are compared, in the order of their colours; or, with fewer than two, the choice. */
export async function comparePage(chosen: readonly RunSummary[], all: readonly RunSummary[]): Promise<string> {
  if (chosen.length < 2 || chosen.length > mostCompared) return choicePage(chosen, all);
  const synthetic = chosen.some(({ facts }) => facts?.synthetic);
  const ids = chosen.map(({ id }) => id);
  const body = [
    `<ul class="keys" aria-label="Colours">${chosen.map(({ id, state }, i) => `<li><span class="k${i + 1}"></span><a href="${runLink(id)}">${escapeHtml(id)}</a> ${stateBadge(state)}</li>`).join('\n')}</ul>`,
    '<p class="muted">Newest values stand in this order.</p>',
    section('curves', 'Training', curvesOf(ids)),
    section('result', 'Result', resultTable(chosen)),
    await rocSection(chosen),
    section('tests', 'Paired tests', testPlaces(chosen)),
  ];
  return renderServed({
    title: 'Compare',
    place: '/compare',
    body: body.join('\n'),
    scripts: ['curves', 'compare'],
    synthetic,
  });
}

function choicePage(chosen: readonly RunSummary[], all: readonly RunSummary[]): string {
  const ticked = new Set(chosen.map(({ id }) => id));
  const items = all.map(
    ({ id, state }) =>
      `<li><label><input type="checkbox" name="id" value="${escapeHtml(id)}"${ticked.has(id) ? ' checked' : ''}> ${escapeHtml(id)}</label> ${stateBadge(state)}</li>`,
  );
  const body =
    all.length < 2
      ? '<p>There are not two runs yet.</p>'
      : `<form action="/compare"><p>Choose two to ${mostCompared} runs.</p>\n<ul class="choice">\n${items.join('\n')}\n</ul>\n<button>Compare</button></form>`;
  return renderServed({ title: 'Compare', place: '/compare', body, scripts: [] });
}

function resultTable(runs: readonly RunSummary[]): string {
  return toHtml({
    title: 'Unseen target',
    columns: [
      { title: 'run', align: 'left' },
      { title: 'HTER at source-dev-eer', align: 'right' },
      { title: 'AUC', align: 'right' },
      { title: 'checkpoint', align: 'left' },
      { title: 'level, convention', align: 'left' },
    ],
    rows: runs.map(({ id, facts, result }) => [
      `${facts?.synthetic ? 'SYNTHETIC – ' : ''}${id}`,
      percent(result?.hter),
      percent(result?.auc),
      result?.checkpoint ?? '–',
      result === null ? 'not evaluated yet' : `${result.level}, ${result.convention}`,
    ]),
    notes: ['In percent.'],
  });
}

/** Where the curves of the runs with scores lie, each at the level of its configuration. */
async function rocSection(runs: readonly RunSummary[]): Promise<string> {
  const curves = await Promise.all(
    runs.map(async ({ id, folder, result }) => {
      if (result === null) return null;
      // A result whose score file is gone, or is being written, has no curve.
      const scored = await openScored(folder.path).catch(() => null);
      return { name: id, roc: scored && rocAt(scored.target, scored.level, scored.mode) };
    }),
  );
  const plot = rocComparison(curves.map((curve) => ({ name: curve?.name ?? '', roc: curve?.roc ?? null })));
  const made = await plotSection('roc', 'ROC', plot === null ? [] : [plot]);
  return made === null ? '' : section('roc', 'ROC', made.body);
}

/** Each run beside the first; client/compare.js asks for one test after the other. */
function testPlaces(runs: readonly RunSummary[]): string {
  const [first, ...others] = runs.filter(({ result }) => result !== null);
  if (first === undefined || others.length === 0)
    return '<p class="muted">Two of the runs have to be evaluated: <code>ldc eval</code></p>';
  return others
    .map(({ id }) => {
      const query = new URLSearchParams([first.id, id].map((each): [string, string] => ['id', each]));
      return `<div data-test="/compare/test?${escapeHtml(query.toString())}"><p class="muted">Resampling ${escapeHtml(first.id)} and ${escapeHtml(id)} …</p></div>`;
    })
    .join('\n');
}

const run = promisify(execFile);

/** The tables of `ldc eval --compare`, which a process of its own computes: resampling would keep the pages waiting. */
export async function pairedTest(a: RunSummary, b: RunSummary): Promise<string> {
  const [node, ...program] = ldcProgram;
  const args = [...program, 'eval', '--compare', a.folder.path, b.folder.path, '--json', '--quiet'];
  try {
    const { stdout } = await run(node!, args, { timeout: 120_000, maxBuffer: 2 ** 24 });
    const { levels, synthetic } = JSON.parse(stdout) as {
      levels: Record<string, Comparison>;
      synthetic: boolean | null;
    };
    return Object.values(levels)
      .map((comparison) => toHtml(compareTable(comparison, [a.id, b.id], synthetic === true)))
      .join('\n');
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const said = /^ldc: error: (.*)$/m.exec(stderr ?? '')?.[1] ?? messageOf(error);
    return `<p class="error">${escapeHtml(said)}</p>`;
  }
}
