/** `scores/SHA256SUMS`, in the form of sha256sum: a score file is used again only while it is as it was written. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileWhole } from '../../base/files.js';
import { readScores, writeScores } from '../../evaluate/scoreFile.js';
import type { Scores } from '../../evaluate/scores.js';

const sumsName = 'SHA256SUMS';

/**
 * The scores in `path`, where they may be used again, are whole, and are `count`; else those that `compute` gives, which are kept there.
 * @param origin what messages call them, those that end in eval.json too: the same whether they were computed or read
 */
export async function keptScores(
  path: string,
  { origin, count, reuse }: { origin: string; count: number; reuse: boolean },
  compute: () => Promise<Scores>,
): Promise<Scores> {
  if (reuse && (await hasItsSum(path))) {
    const known = await readScores(path);
    if (known.length === count) return { ...known, origin };
  }
  const scores = await compute();
  await writeScores(path, scores);
  await recordSum(path);
  return scores;
}

/** Notes the checksum of a file that has just been written. */
async function recordSum(path: string): Promise<void> {
  const sums = await readSums(path);
  sums.set(basename(path), await sumOf(path));
  const lines = [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, sum]) => `${sum}  ${name}\n`);
  await writeFileWhole(join(dirname(path), sumsName), lines.join(''));
}

/** Whether a file is there and as it was written. */
async function hasItsSum(path: string): Promise<boolean> {
  const expected = (await readSums(path)).get(basename(path));
  return expected !== undefined && expected === (await sumOf(path).catch(() => null));
}

async function readSums(path: string): Promise<Map<string, string>> {
  const text = await readFile(join(dirname(path), sumsName), 'utf8').catch(() => '');
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
      return sum && name ? [[name, sum] as const] : [];
    }),
  );
}

async function sumOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
