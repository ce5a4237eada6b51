/** What `ldc study` prints of where a study stands. */
import { type Table, toText } from '../report/table.js';
import type { Submitted } from './slurm/submit.js';
import type { State, StudyStatus } from './status.js';

/** More unfinished runs than this are not listed one by one. */
const mostRuns = 40;
const order: readonly State[] = [
  'failed',
  'timed-out',
  'cancelled',
  'interrupted',
  'blocked',
  'running',
  'queued',
  'waiting',
  'done',
];

/** Counts, and a table of what is neither done nor waiting, for a terminal `width` characters wide. */
export function statusText(status: StudyStatus, width: number): string {
  const table = openTable(status);
  const lines = [countsText(status), ...(table === null ? [] : [toText(table, width).trimStart()])];
  return `${lines.join('\n').trimEnd()}\n`;
}

/** How many runs are in which state. */
export function countsText({ study, runs, external, counts }: StudyStatus): string {
  const toDo = external.filter(({ state }) => state !== 'done').length;
  const summary = order.flatMap((state) => (counts[state] ? [`${counts[state]} ${state}`] : [])).join(', ');
  const more = toDo > 0 ? [`external models: ${toDo} of ${external.length} still to be evaluated`] : [];
  return [`study ${study}: ${runs.length} runs: ${summary}`, ...more].join('\n');
}

/** What is neither done nor waiting; null for nothing. */
export function openTable({ stages, runs, external }: StudyStatus): Table | null {
  const open = [...[...stages, ...external].map((task) => ({ ...task, epochs: undefined })), ...runs]
    .filter(({ state }) => state !== 'done' && state !== 'waiting')
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  if (open.length === 0) return null;
  return {
    title: '',
    columns: [
      { title: 'run or shared stage', align: 'left' },
      { title: 'state', align: 'left' },
      { title: 'epochs', align: 'right' },
      { title: 'job', align: 'right' },
      { title: '', align: 'left' },
    ],
    rows: open
      .slice(0, mostRuns)
      .map(({ id, state, epochs, job, why }) => [
        id,
        state,
        epochs ? `${epochs.saved}/${epochs.of}` : '',
        job ?? '',
        why ?? '',
      ]),
    notes: open.length > mostRuns ? [`… and ${open.length - mostRuns} more (--json lists all).`] : [],
  };
}

/** What was submitted to Slurm now, and what was there already. */
export function submittedText({ jobs, pending }: Submitted, file: string): string {
  const tasks = jobs.reduce((sum, { tasks }) => sum + tasks.length, 0);
  const lines = [
    tasks === 0 && pending === 0 ? 'every run is done' : `${tasks} tasks submitted in ${jobs.length} job arrays`,
    ...(pending > 0 ? [`${pending} tasks are with Slurm already`] : []),
    ...jobs.map(
      ({ job, tasks: [first, ...rest] }) => `  ${job}  ${first}${rest.length > 0 ? ` and ${rest.length} more` : ''}`,
    ),
    `next: ldc study status ${file}`,
  ];
  return lines.join('\n');
}
