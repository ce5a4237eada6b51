/** OULU-NPU's protocol 3 from crops to mean ± standard deviation, as a user runs it. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../data/helpers.js';
import { writeOuluSet } from '../data/ouluSet.js';

const binary = fileURLToPath(new URL('../../bin/ldc.js', import.meta.url));
const folder = await temporaryFolder();
const folds = [1, 2, 3, 4, 5, 6].map((fold) => `oulu/3/${fold}`);

function ldc(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [binary, ...args], { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

beforeAll(() => writeOuluSet(join(folder, 'data')));

it('is trained fold by fold, and eval of the protocol answers with all six', { timeout: 900_000 }, () => {
  const small = ['data.image_size=32', 'model.map_size=8', 'activation.epochs=1', 'activation.batch_size=10'];
  const settings = [...small, 'train.per_domain={live: 2, spoof: 2}'].flatMap((setting) => ['--set', setting]);
  const trained = ldc('train', '--protocol', folds[0]!, ...settings, '--epochs', '1', '--threads', '1', '--quiet');
  expect(trained.stderr).toBe('');
  expect(trained.status).toBe(0);
  // The other folds evaluate the same network, each on its own development and test videos.
  const [first, ...others] = folds.map((fold) => join(folder, 'runs', fold.replaceAll('/', '-'), 'ldc-seed0'));
  const facts = readFileSync(join(first!, 'run.json'), 'utf8');
  others.forEach((run, i) => {
    cpSync(first!, run, { recursive: true });
    const own = facts.replaceAll(folds[0]!, folds[i + 1]!).replaceAll('protocol 3/1', `protocol 3/${i + 2}`);
    writeFileSync(join(run, 'run.json'), own);
  });

  const one = JSON.parse(ldc('eval', '--protocol', 'oulu/3/4', '--json', '--quiet').stdout);
  expect(one).toMatchObject({ protocol: 'oulu/3/4', synthetic: true });
  expect(one.targets).toMatchObject([{ domain: 'O', subset: 'protocol 3/4', videos: { live: 1, attack: 4 } }]);

  const all = JSON.parse(ldc('eval', '--protocol', 'oulu/3', '--json', '--quiet').stdout);
  expect(all.folds.map(({ protocol }: { protocol: string }) => protocol)).toEqual(folds);
  const aucs: number[] = all.folds.map(({ levels }: typeof one) => levels.video.auc);
  const mean = aucs.reduce((a, b) => a + b) / 6;
  expect(all.levels.video.auc.n).toBe(6);
  expect(all.levels.video.auc.mean).toBeCloseTo(mean, 12);
  expect(all.levels.video.auc.std).toBeCloseTo(Math.sqrt(aucs.reduce((s, a) => s + (a - mean) ** 2, 0) / 5), 12);

  const text = ldc('eval', '--protocol', 'oulu/3', '--quiet').stdout;
  expect(text).toContain('oulu/3 · 6 folds · convention honest · SYNTHETIC');
  for (const fold of folds) expect(text).toContain(fold);
  expect(text).toMatch(/over 6 folds: AUC \d+\.\d\d ± \d+\.\d\d %/);

  const untrained = ldc('eval', '--protocol', 'oulu/4');
  expect(untrained.status).toBe(2);
  expect(untrained.stderr).toContain('there is no run of oulu/4/1');
  expect(ldc('train', '--protocol', 'oulu/3').stderr).toContain('has six folds');
});
