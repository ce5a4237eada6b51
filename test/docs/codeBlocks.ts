/**
 * The fenced code blocks of the documents, by what a test does with them:
 *
 *   sh        commands that are run, all of a document's in order in one empty folder
 *   sh data   commands that need a licensed data set, a GPU or days: their `ldc` lines must be understood by the command line
 *   sh foreign, python  a model of PyTorch, which a test of its own exports and runs where PyTorch is there
 *   sh npm    installation and development lines, which CI itself runs
 *   yaml      a configuration, or a study
 *   js        a program that uses the package: what it imports must be exported
 *   ts, cpp   code that a test of its own runs, or finds in the file that it is quoted from (`ts quoted`)
 *   text, csv what a command prints, or a file looks like
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

export interface CodeBlock {
  /** Path from the root of the repository. */
  document: string;
  /** Of the fence's first line, from 1. */
  line: number;
  info: string;
  code: string;
}

/** README.md, CONTRIBUTING.md, docs/*.md but for the generated reference, and the pages of measurements. */
export function documents(): string[] {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'cli.md');
  const others = ['README.md', 'CONTRIBUTING.md', 'experiments/bench/RESULTS.md', 'experiments/bench/LOG.md'];
  return [...others.filter((name) => existsSync(join(root, name))), ...pages.sort().map((name) => `docs/${name}`)];
}

export function codeBlocks(document: string): CodeBlock[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    document,
    line: text.slice(0, match.index).split('\n').length,
    info: match[1]!.trim(),
    code: match[2]!,
  }));
}

/** Indented code would escape the tests: lists are the only thing that may be indented by four. */
export function indentedCode(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  return text.split('\n').filter((line, i, lines) => /^ {4}\S/.test(line) && lines[i - 1] === '');
}

/** Command lines of a block of shell: comments and continuation lines resolved. */
export function commandLines(code: string): string[] {
  return code
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
}
