import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import {
  percent,
  percentMeanStd,
  printable,
  type Table,
  toCsv,
  toHtml,
  toLatex,
  toMarkdown,
  toText,
  wrapped,
} from '../../src/report/table.js';

const table: Table = {
  title: 'A_1 & B',
  columns: [
    { title: 'run', align: 'left' },
    { title: 'file', align: 'left' },
    { title: 'HTER', align: 'right' },
  ],
  rows: [
    ['a|b', '=cmd', { text: '1.00 ± 0.10', best: true }],
    ['50 %', 'x'.repeat(60), '-12.00'],
  ],
  notes: ['n_1'],
};

describe('numbers', () => {
  it('are percentages with two decimals, and a dash where there is none', () => {
    expect([percent(0.0712345), percent(1), percent(null), percent(Number.NaN)]).toEqual(['7.12', '100.00', '–', '–']);
    expect(percentMeanStd({ mean: 0.1, std: 0.0123 })).toBe('10.00 ± 1.23');
    expect(percentMeanStd({ mean: 0.1, std: null })).toBe('10.00');
  });
});

describe('tables', () => {
  it('are Markdown with escaped bars and bold best values', () => {
    expect(toMarkdown(table).split('\n').slice(0, 5)).toEqual([
      '**A\\_1 & B**',
      '',
      '| run | file | HTER |',
      '| :--- | :--- | ---: |',
      '| a\\|b | =cmd | **1.00 ± 0.10** |',
    ]);
  });

  it('are CSV in which formulas are text and numbers stay numbers', () => {
    expect(parse(toCsv(table))).toEqual([
      ['run', 'file', 'HTER'],
      ['a|b', "'=cmd", '1.00 ± 0.10'],
      ['50 %', 'x'.repeat(60), '-12.00'],
    ]);
  });

  it('are LaTeX with booktabs and escaped signs', () => {
    const latex = toLatex(table);
    expect(latex).toContain('\\begin{tabular}{llr}');
    expect(latex).toContain('\\caption{A\\_1 \\& B}');
    expect(latex).toContain('    a|b & =cmd & \\textbf{1.00 $\\pm$ 0.10} \\\\');
    expect(latex).toContain('50 \\%');
    for (const rule of ['toprule', 'midrule', 'bottomrule']) expect(latex).toContain(`\\${rule}`);
  });

  it('are text no wider than the terminal, which shortens long cells but never the first column', () => {
    const lines = toText(table, 40).split('\n');
    expect(lines[1]).toMatch(/^run +file +HTER$/);
    for (const line of lines) expect([...line].length).toBeLessThanOrEqual(40);
    expect(lines[4]).toMatch(/^50 % {2}x+… +-12\.00$/);
    expect(toText(table, 120)).toContain('x'.repeat(60));
  });

  it('are HTML with heads, scopes and a scroll box for the keyboard', () => {
    const html = toHtml({ ...table, rows: [['<b>', '&', '"']] });
    expect(html).toContain('<th scope="col" class="number">HTER</th>');
    expect(html).toContain('<th scope="row">&lt;b&gt;</th><td>&amp;</td><td class="number">&quot;</td>');
    expect(html).toContain('tabindex="0" aria-label="A_1 &amp; B"');
  });
});

describe('text', () => {
  it('breaks between words and keeps them all', () => {
    const text = 'one two three four five six';
    const lines = wrapped(text, 12).split('\n');
    expect(lines).toEqual(['one two', '  three four', '  five six']);
    expect(wrapped(text, 80)).toBe(text);
  });

  it('carries no control characters to the terminal', () => {
    expect(printable('a\u001b[31mb\nc')).toBe('a\ufffd[31mb c');
  });
});
