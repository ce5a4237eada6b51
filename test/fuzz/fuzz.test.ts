/**
 * Mutated files: a reader returns or says in a sentence what is wrong; it never crashes, hangs or fills the memory. A fixed seed and
 * number of inputs; `npm run fuzz` is the long form.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fuzz } from './fuzzing.js';
import { isMeant, targets } from './targets.js';

const inputs = 150;
const folder = mkdtempSync(join(tmpdir(), 'ldc-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('mutants are read or refused', async () => {
  const all = await targets(folder);
  it.each(all)('$name', async (target) => {
    const { refused, slowestMs, growth } = await fuzz(target, folder, 1, inputs);
    expect(slowestMs).toBeLessThan(10_000);
    expect(growth).toBeLessThan(2 ** 30);
    expect(refused).toBeLessThanOrEqual(inputs);
  });

  it.each(all)('$name: what was not mutated is read, or is a bad file of the fixtures', async (target) => {
    let read = 0;
    for (const seed of target.seeds) {
      const path = join(folder, target.file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, seed);
      await target.read(path).then(
        () => read++,
        (error: unknown) => expect(isMeant(error)).toBe(true),
      );
    }
    expect(read + Number(target.name.startsWith('image lists'))).toBeGreaterThan(0);
  });

  it('and nothing in a file is executed', () => {
    expect(existsSync('ldc_fixture_executed.txt')).toBe(false);
  });
});
