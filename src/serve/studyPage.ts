/** The page of a study: its tables as they fill, and where every run stands. */
import { escapeHtml } from '../report/escape.js';
import { toHtml } from '../report/table.js';
import { readResults } from '../study/results.js';
import { studyStatus } from '../study/status.js';
import { countsText, openTable } from '../study/statusText.js';
import type { Study } from '../study/studyFile.js';
import { studyTables } from '../study/studyReport.js';
import { live, renderServed, section } from './page.js';

/** Looking asks Slurm, where jobs are with it: not for every look of a page. */
const freshFor = 10_000;

export class StudyPages {
  private readonly known = new Map<string, { until: number; page: Promise<string> }>();

  constructor(private readonly out: string) {}

  page(study: Study): Promise<string> {
    const known = this.known.get(study.name);
    if (known !== undefined && known.until > Date.now()) return known.page;
    const page = studyPage(study, this.out);
    this.known.set(study.name, { until: Date.now() + freshFor, page });
    page.catch(() => this.known.delete(study.name));
    return page;
  }
}

async function studyPage(study: Study, out: string): Promise<string> {
  const [status, results] = [await studyStatus(study, out), await readResults(study, out)];
  const open = openTable(status);
  const tables =
    results.done.length === 0
      ? '<p class="muted">Comes with the first run that is done and evaluated.</p>'
      : studyTables(study, results).map(toHtml).join('\n');
  const body = [
    live(
      'standing',
      countsText(status)
        .split('\n')
        .map((line) => `<p>${escapeHtml(line)}</p>`)
        .join(''),
    ),
    live('tables', section('result', 'Result', tables)),
    live('open', open === null ? '' : section('open', 'Not done yet', toHtml(open))),
  ];
  return renderServed({
    title: study.title,
    place: '/',
    body: body.join('\n'),
    scripts: ['live'],
    synthetic: results.synthetic,
  });
}
