/** Protocols beyond O, C, I and M from drawn sets under the names of releases to an evaluation, as a user runs them. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { siwmAttacks } from '../../src/config/domainNames.js';
import { foldsOf } from '../../src/config/protocol.js';
import { readCropSet, writeCropSet } from '../../src/data/cropSet.js';
import { type Frame, type NewFrame, relativePath } from '../../src/data/manifest.js';
import { findSource } from '../../src/data/sources/sources.js';
import { temporaryFolder } from '../data/helpers.js';

const binary = fileURLToPath(new URL('../../bin/ldc.js', import.meta.url));
const folder = await temporaryFolder();
const data = join(folder, 'data');

function ldc(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [binary, ...args, '--quiet'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect([stderr, status]).toEqual(['', 0]);
  return stdout;
}

const settings = [
  ...['data.image_size=32', 'model.map_size=8', 'activation.epochs=1', 'activation.batch_size=10'],
  ...['train.per_domain={live: 2, spoof: 2}', 'train.epochs=1', 'threads=1'],
].flatMap((setting) => ['--set', setting]);

/** Trains under a protocol and evaluates it. */
function outcome(protocol: string) {
  ldc('train', '--protocol', protocol, ...settings);
  return JSON.parse(ldc('eval', '--protocol', protocol, '--json'));
}

/** A drawn domain as a release has it: its name, and rows as `change` makes them of the drawn ones. */
async function asRelease(
  drawn: string,
  id: string,
  change: (frame: Frame, i: number) => Partial<NewFrame> = () => ({}),
) {
  const { name, letter } = findSource(id);
  cpSync(join(data, drawn, 'crops'), join(data, id, 'crops'), { recursive: true });
  const { frames } = await readCropSet(join(data, drawn));
  const rows = frames.map((frame, i) => ({ ...frame, path: relativePath(frame), ...change(frame, i) }));
  await writeCropSet(join(data, id), { name, letter, synthetic: true }, rows);
}

beforeAll(async () => {
  ldc('synth', '--out', 'data', '--subjects', '8', '--frames', '1', '--size', '32');
  let attacks = 0;
  await asRelease('synthetic-O', 'siwm', ({ label }, i) => ({
    subject: '',
    split: label === 'live' && i % 2 ? 'test' : 'train',
    attackType: label === 'live' ? 'live' : siwmAttacks[attacks++ % siwmAttacks.length]!,
  }));
  const parts = ['train', 'train', 'train', 'train', 'dev', 'dev', 'test', 'test'] as const;
  const people: string[] = [];
  await asRelease('synthetic-C', 'wfas', ({ subject }) => {
    if (!people.includes(subject)) people.push(subject);
    return { split: parts[people.indexOf(subject)]! };
  });
  await asRelease('synthetic-O', 'celeba-spoof');
  await asRelease('synthetic-I', 'wmca');
  await asRelease('synthetic-M', 'cefa');
  await asRelease('synthetic-C', 'surf');
});

describe('is trained and evaluated:', { timeout: 240_000 }, () => {
  it('siwm/replay, and siwm by all fourteen', () => {
    const one = outcome('siwm/replay');
    expect(one).toMatchObject({ protocol: 'siwm/replay', synthetic: true });
    expect(one.targets).toMatchObject([{ domain: 'siwm', videos: { live: 4, attack: 2 } }]);
    expect(Object.keys(one.levels.video.thresholds['source-dev-eer'].apcer)).toEqual(['replay']);
    // The other folds evaluate the same network, each on its own attack.
    const folds = foldsOf('siwm')!;
    const runOf = (fold: string) => join(folder, 'runs', fold.replace('/', '-'), 'ldc-seed0');
    const facts = readFileSync(join(runOf('siwm/replay'), 'run.json'), 'utf8');
    for (const fold of folds.filter((name) => name !== 'siwm/replay')) {
      cpSync(runOf('siwm/replay'), runOf(fold), { recursive: true });
      writeFileSync(join(runOf(fold), 'run.json'), facts.replaceAll('siwm/replay', fold));
    }
    const all = JSON.parse(ldc('eval', '--protocol', 'siwm', '--json'));
    expect(all.folds.map(({ protocol }: { protocol: string }) => protocol)).toEqual(folds);
    expect(all.levels.video.auc.n).toBe(14);
  });

  it('wfas, with the threshold of its development part', () => {
    const { targets, levels } = outcome('wfas');
    expect(targets).toMatchObject([{ domain: 'wfas', videos: { live: 2, attack: 4 } }]);
    expect(levels.frame.thresholds['source-dev-eer'].hter).toBeTypeOf('number');
  });

  it('wmca&cefa-to-surf', () => {
    expect(outcome('wmca&cefa-to-surf').targets).toMatchObject([
      { name: 'CASIA-SURF', videos: { live: 8, attack: 16 } },
    ]);
  });

  it('celeba-spoof-to-O&C&I&M, each target by itself and the mean over them', () => {
    const { targets, each, mean } = outcome('celeba-spoof-to-O&C&I&M');
    const letters = ({ domain }: { domain: string }) => domain;
    expect([targets.map(letters), each.map(letters)]).toEqual([[...'OCIM'], [...'OCIM']]);
    const aucs: number[] = each.map(({ levels }: { levels: { video: { auc: number } } }) => levels.video.auc);
    expect(mean.video.auc.mean).toBeCloseTo(aucs.reduce((a, b) => a + b) / 4, 12);
  });

  it('O&C&I+M:2-to-M, without these two in the test', () => {
    const { few_shot, targets } = outcome('O&C&I+M:2-to-M');
    expect(few_shot).toMatchObject({ domain: 'M', videos: { live: 2, attack: 4 } });
    expect(targets).toMatchObject([{ domain: 'M', videos: { live: 6, attack: 12 } }]);
  });
});
