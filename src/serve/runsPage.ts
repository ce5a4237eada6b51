/** The page Runs: every run and study with where it stands and what came out. */
import { escapeHtml } from '../report/escape.js';
import { MISSING, percent } from '../report/table.js';
import { durationText, live, renderServed, section } from './page.js';
import type { RunSummary } from './runs.js';
import type { StudySummary } from './studies.js';

export function runsPage(runs: readonly RunSummary[], studies: readonly StudySummary[], out: string): string {
  const none = `<p>There is no run in ${escapeHtml(out)} yet: <code>ldc train</code> makes one, and it appears here by itself.</p>`;
  const body = [
    runs.length === 0
      ? live('runs', none)
      : `<form action="/compare"><div class="actions"><button>Compare the chosen runs</button></div>\n${live('runs', runTable(runs))}</form>`,
    `<p class="note">HTER at source-dev-eer and AUC, in percent, of the unseen target, at the level of the run's configuration; <i>paper</i>: the evaluation also used the convention of the released program. The time left is what the pace of the newest steps says.</p>`,
    studies.length === 0 ? '' : section('studies', 'Studies', live('study-list', studyTable(studies))),
  ].join('\n');
  return renderServed({ title: 'Runs', place: '/', body, scripts: ['live'] });
}

export function runLink(id: string): string {
  return `/run?id=${encodeURIComponent(id)}`;
}

/** What a run's state is called, and whether it is good, bad or at work. */
export function stateBadge(state: RunSummary['state']): string {
  const kind = state === 'running' ? ' running' : state === 'finished' ? '' : ' bad';
  return `<span class="state${kind}">${state === 'finished' ? 'done' : state.replaceAll('-', ' ')}</span>`;
}

function runTable(runs: readonly RunSummary[]): string {
  const heads = [
    '<th scope="col"><span class="wide">compare</span></th><th scope="col">run</th><th scope="col">state</th>',
    '<th scope="col">epoch</th><th scope="col" class="number">left</th><th scope="col" class="number wide">loss</th>',
    '<th scope="col" class="number">HTER</th><th scope="col" class="number">AUC</th><th scope="col" class="wide">result</th>',
  ];
  return [
    '<div class="scroll" role="region" tabindex="0" aria-label="Runs"><table aria-label="Runs">',
    `<thead><tr>${heads.join('')}</tr></thead>`,
    `<tbody>\n${runs.map(runRow).join('\n')}\n</tbody></table></div>`,
  ].join('\n');
}

function runRow({ id, state, facts, epochs, last, left, result }: RunSummary): string {
  const name = escapeHtml(id);
  const synthetic = facts?.synthetic ? ' <span class="badge">SYNTHETIC</span>' : '';
  const progress =
    last === null
      ? MISSING
      : `<progress max="${epochs.of}" value="${epochs.at}" aria-label="epochs"></progress> ${epochs.at}/${epochs.of}`;
  const said =
    result === null ? '' : [result.level, result.convention === 'paper' ? 'paper' : ''].filter(Boolean).join(', ');
  const cells = [
    `<td><input type="checkbox" name="id" value="${name}" aria-label="compare ${name}"></td>`,
    `<th scope="row"><a href="${runLink(id)}">${name}</a>${synthetic}</th>`,
    `<td>${stateBadge(state)}</td><td>${progress}</td>`,
    `<td class="number">${left === null ? '' : durationText(left)}</td>`,
    `<td class="number wide">${last === null ? MISSING : shortNumber(last.loss)}</td>`,
    `<td class="number">${percent(result?.hter)}</td><td class="number">${percent(result?.auc)}</td><td class="wide">${said}</td>`,
  ];
  return `<tr id="run-${name}">${cells.join('')}</tr>`;
}

function studyTable(studies: readonly StudySummary[]): string {
  const rows = studies.map(({ name, done, of }) => {
    const count =
      of === null
        ? `${done} done`
        : `<progress max="${of}" value="${done}" aria-label="runs done"></progress> ${done}/${of}`;
    const title =
      of === null ? escapeHtml(name) : `<a href="/study?name=${encodeURIComponent(name)}">${escapeHtml(name)}</a>`;
    return `<tr><th scope="row">${title}</th><td>${count}</td></tr>`;
  });
  return `<table aria-label="Studies"><thead><tr><th scope="col">study</th><th scope="col">runs</th></tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

export function shortNumber(value: number | null): string {
  return value === null || !Number.isFinite(value) ? 'NaN' : String(Number(value.toPrecision(4)));
}
