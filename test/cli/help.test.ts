/** Help pages: narrow enough for any terminal, each with an example. */
import { describe, expect, it } from 'vitest';
import { helpPages } from '../docs/helpPages.js';

const [main, ...pages] = helpPages();

describe('help', () => {
  it('names every command', () => {
    for (const { name } of pages) if (name.split(' ').length === 2) expect(main!.text).toContain(` ${name.slice(4)} `);
  });

  it.each(pages)('$name fits 80 columns and has an example', ({ name, text }) => {
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    const isGroup = /^Commands:/m.test(text);
    if (!isGroup) expect(text).toContain(`Example:`);
    expect(text).toContain(`Usage: ${name}`);
  });
});
