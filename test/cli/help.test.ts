/** Help pages: narrow enough for any terminal, each with an example. */
import { describe, expect, it } from 'vitest';
import { helpPages } from '../docs/helpPages.js';

const [main, ...pages] = helpPages();

describe('help', () => {
  it('says which flags have to be given', () => {
    expect(pages.find(({ name }) => name === 'ldc synth')!.text).toMatch(/--out <dir> .*\(required\)/);
    expect(main!.text).not.toContain('required');
  });

  it('names every command', () => {
    for (const { name } of pages) if (name.split(' ').length === 2) expect(main!.text).toContain(` ${name.slice(4)} `);
  });

  it.each(pages)('$name fits 80 columns and has an example', ({ name, text }) => {
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(text).toContain(`Example:`);
    expect(text).toContain(`Usage: ${name}`);
  });
});
