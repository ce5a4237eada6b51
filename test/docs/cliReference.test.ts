/** docs/cli.md holds the help page of every command; `npm run docs` writes it anew. */
import { expect, it } from 'vitest';
import { helpPages } from './helpPages.js';

const preface = `# Command line reference

What \`ldc COMMAND --help\` prints, of every command. This page is generated: \`npm run docs\` writes it anew, and a test keeps it current.

Exit status: 0 done · 1 the work failed · 2 something about the call, a file or the configuration must be changed · 130 interrupted, everything saved.
`;

it('is what the commands print', async () => {
  const pages = helpPages().map(({ name, text }) => `## ${name}\n\n\`\`\`text\n${text.trim()}\n\`\`\`\n`);
  await expect([preface, ...pages].join('\n')).toMatchFileSnapshot('../../docs/cli.md');
});
