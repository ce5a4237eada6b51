/** Every block of code in the documents is of a kind that some test checks; here: that the command line understands each `ldc` line. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { program } from '../../src/cli/main.js';
import { loadConfig } from '../../src/run/configuration.js';
import { configsOf } from '../../src/study/expand.js';
import { readStudy } from '../../src/study/studyFile.js';
import { codeBlocks, commandLines, documents, indentedCode, root } from './codeBlocks.js';

const kinds = [
  'sh',
  'sh data',
  'sh npm',
  'sh foreign',
  'python',
  'yaml',
  'yaml study',
  'ts',
  'ts quoted',
  'js',
  'cpp',
  'text',
  'csv',
  'json',
];

describe.each(documents())('%s', (document) => {
  const blocks = codeBlocks(document);

  it('has only code that is checked', () => {
    for (const { info, line } of blocks) expect(kinds, `line ${line}`).toContain(info);
    expect(indentedCode(document)).toEqual([]);
  });

  it('has links that lead somewhere', () => {
    const text = readFileSync(join(root, document), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
    for (const [, target, anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
      const file = target ? join(root, document, '..', target) : join(root, document);
      expect(existsSync(file), target).toBe(true);
      if (anchor) expect(anchors(file), `${target}#${anchor}`).toContain(anchor);
    }
  });

  const lines = blocks
    .filter(({ info }) => info === 'sh' || info === 'sh data' || info === 'sh foreign')
    .flatMap(({ code }) => commandLines(code))
    .flatMap((line) => line.split(/ (?:&&|\|) /))
    .filter((line) => /^(npx )?ldc /.test(line));
  if (lines.length > 0) {
    it.each([...new Set(lines)])('the command line understands: %s', async (line) => {
      await parses(line.replace(/^npx /, ''));
    });
  }

  const programs = blocks.filter(({ info }) => info === 'js');
  if (programs.length > 0) {
    it.each(programs)('line $line imports what the package exports', async ({ code }) => {
      const library = await import('../../src/index.js');
      const [, names] = /import \{(.*)\} from 'ldcnet'/.exec(code)!;
      for (const name of names!.split(',')) expect(Object.keys(library)).toContain(name.trim());
    });
  }

  const configurations = blocks.filter(({ info }) => info === 'yaml');
  if (configurations.length > 0) {
    it.each(configurations)('line $line is a configuration', async ({ code }) => {
      const folder = mkdtempSync(join(tmpdir(), 'ldc-docs-'));
      const file = join(folder, 'configuration.yaml');
      writeFileSync(file, code);
      await loadConfig(file).finally(() => rmSync(folder, { recursive: true }));
    });
  }

  const studies = blocks.filter(({ info }) => info === 'yaml study');
  if (studies.length > 0) {
    it.each(studies)('line $line is a study', async ({ code }) => {
      const folder = mkdtempSync(join(root, 'docs', '.study-'));
      const file = join(folder, 'study.yaml');
      writeFileSync(file, code.replace('../configs', '../../configs'));
      await readStudy(file)
        .then(configsOf)
        .finally(() => rmSync(folder, { recursive: true }));
    });
  }
});

/** What GitHub makes of the headings of a page: lower case, hyphens for spaces, punctuation left out. */
function anchors(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Parses a line as the shell and commander would, without doing what it says. */
async function parses(line: string): Promise<void> {
  const ldc = program();
  const said: string[] = [];
  const silence = (command: Command): void => {
    command.configureOutput({ writeErr: (text) => said.push(text), outputError: (text) => said.push(text) });
    if (command.commands.length === 0) command.action(() => {});
    command.commands.forEach(silence);
  };
  silence(ldc);
  try {
    await ldc.parseAsync(words(line).slice(1), { from: 'user' });
  } catch (error) {
    throw new Error(`${line}: ${said.join('') || error}`);
  }
}

/** The words of a command line: quotes as the shell reads them; redirections are not the command's. */
function words(line: string): string[] {
  return [...line.replace(/ \d?>.*$/, '').matchAll(/(?:'([^']*)'|"([^"]*)"|[^\s'"])+/g)].map(([word]) =>
    word.replaceAll(/['"]/g, ''),
  );
}
