/** What a study has to do: which runs share a stage, the commands as they could be typed, and what is refused. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { siwmAttacks } from '../../src/config/domainNames.js';
import { synthesise } from '../../src/data/synth/synthesise.js';
import { loadConfig } from '../../src/run/configuration.js';
import { expand } from '../../src/study/expand.js';
import { planStudy } from '../../src/study/plan.js';
import { readStudy } from '../../src/study/studyFile.js';
import { temporaryFolder } from '../data/helpers.js';
import { writeOuluSet } from '../data/ouluSet.js';
import { rowsOf, writePlainSet } from '../data/plainSet.js';
import { writeStudy } from './helpers.js';

const experiments = fileURLToPath(new URL('../../experiments', import.meta.url));
const folder = await temporaryFolder();
const data = join(folder, 'data');
const oulu = join(folder, 'oulu');
const further = join(folder, 'further');
const isStage = ({ stage }: { stage: boolean }) => stage;

beforeAll(async () => {
  await synthesise({ out: data, seed: 0, subjects: 6, frames: 1, size: 32 });
  await writeOuluSet(oulu);
  const people = ['1', '2', '3', '4', '5', '6', '7'];
  for (const letter of ['A', 'O', 'C', 'I', 'M', 'W', 'cefa', 'surf']) {
    await writePlainSet(further, `drawn ${letter}`, letter, rowsOf(people, ['live', 'print', 'replay']));
  }
  const parts = (['train', 'dev', 'test'] as const).map((split, i) =>
    rowsOf([people[i]!], ['live', 'print', ...siwmAttacks.slice(1)], { split }),
  );
  for (const letter of ['siwm', 'wfas']) await writePlainSet(further, `drawn ${letter}`, letter, parts.flat());
});

/** Protocols 1, 2 and 4 with the videos of 3/1: a plan asks which videos there are, not why. */
async function addProtocols(set: string): Promise<void> {
  const file = join(set, 'OULU-NPU/protocols.json');
  const protocols = JSON.parse(await readFile(file, 'utf8'));
  const names = ['1', '2', ...[1, 2, 3, 4, 5, 6].map((fold) => `4/${fold}`)];
  const added = names.map((name) => [name, protocols['3/1']]);
  await writeFile(file, JSON.stringify({ ...protocols, ...Object.fromEntries(added) }));
}

const planOf = async (text: string, out = 'runs') => {
  const { file } = await writeStudy(text);
  return planStudy(await readStudy(file), { data, out: join(folder, out) });
};

describe('the plan of a study', () => {
  it('makes a stage once for runs that agree in sources, seed and settings', async () => {
    const { tasks, runs } = await planOf(
      'protocols: [OCI-to-M, MI-to-C]\nseeds: [0, 1]\nvariants: {a: {}, b: {model: {conv: {kind: cdc}}}}',
    );
    const stages = tasks.filter(isStage);
    expect(runs).toHaveLength(8);
    expect(stages).toHaveLength(4);
    for (const { id } of stages) expect(tasks.filter(({ needs }) => needs === id)).toHaveLength(2);
    for (const { needs, id } of tasks) if (needs !== null) expect(needs.split('--')[0], id).toBe(id.split('--')[0]);
  });

  it('gives each variant its precision; they share a stage, which the first one makes', async () => {
    const { tasks, folder: made } = await planOf(
      'name: precisions\nprotocols: [OCI-to-M]\nvariants: {half: {precision: bf16}, float: {precision: fp32}}',
    );
    const configs = tasks
      .flatMap(({ commands }) => commands.slice(0, 1))
      .map(({ args }) => args[args.indexOf('--config') + 1]!);
    expect(configs.map((path) => basename(path))).toEqual(['half.yaml', 'half.yaml', 'float.yaml']);
    for (const [variant, precision] of [
      ['half', 'bf16'],
      ['float', 'fp32'],
    ] as const)
      expect((await loadConfig(join(made.configs, `${variant}.yaml`), [])).precision).toBe(precision);
  });

  it('makes one for each where the activation network has the convolution of the run', async () => {
    const { tasks } = await planOf(
      'name: own\nprotocols: [OCI-to-M]\nsettings: {activation: {network: ldcnet}}\nvariants: {a: {}, b: {model: {conv: {kind: cdc}}}}',
    );
    expect(tasks.filter(isStage)).toHaveLength(2);
  });

  it('consists of commands that can be typed, with a configuration file each', async () => {
    const { tasks } = await planOf('name: typed\nprotocols: [OCI-to-M]\nseeds: [5]\nvariants: {a: {}}');
    const [stage, run] = tasks;
    const config = join(folder, 'runs/study-typed/configs/a.yaml');
    expect(existsSync(config)).toBe(true);
    const common = ['--protocol', 'O&C&I-to-M', '--config', config, '--seed', '5', '--data', data];
    expect(stage!.commands.map(({ args }) => args)).toEqual([['cam', ...common, '--out', join(folder, 'runs')]]);
    expect(run!.commands[0]!.args.slice(0, 9)).toEqual(['train', ...common]);
    expect(run!.commands[0]!.args).toContain('--resume');
    expect(run!.commands[1]!.args.slice(0, 2)).toEqual(['eval', '--run']);
    expect(run!.commands[1]!.stdout).toBe(run!.done);
  });

  it('refuses a variant that became another under the same name, but not other threads', async () => {
    const text = (lr: string) => `name: same\nprotocols: [OCI-to-M]\nvariants: {a: {${lr}}}`;
    await planOf(text('train: {lr: 0.001}'));
    await planOf(text('train: {lr: 0.001}, threads: 3'));
    await expect(planOf(text('train: {lr: 0.002}'))).rejects.toThrow(
      /variant a of the study same was run with another configuration \(now train\.lr: 0\.002\)/,
    );
  });

  it('refuses runs that were made from other data', async () => {
    const { runs } = await planOf('name: moved\nprotocols: [OCI-to-M]');
    const facts = { data: { O: { name: 'x', hash: 'y', subset: 'all', attackTypes: null } } };
    await mkdir(runs[0]!.folder.path, { recursive: true });
    await writeFile(runs[0]!.folder.facts, JSON.stringify(facts));
    await expect(planOf('name: moved\nprotocols: [OCI-to-M]')).rejects.toThrow(/was made from other data/);
  });

  it('names a domain that is not there', async () => {
    await expect(planOf('name: less\nprotocols: [OCI-to-X]')).rejects.toMatchObject({ name: 'UserError' });
  });

  it('takes every experiment that comes with the package', async () => {
    await addProtocols(oulu);
    const newer = ['wcs', 'celeba-spoof', 'siwm', 'wfas', 'few-shot'].map((name) => `${name}.yaml`);
    const planned: Record<string, [runs: number, stages: number]> = {};
    for (const file of (await readdir(experiments)).filter((name) => name.endsWith('.yaml'))) {
      const own = new Map([['oulu.yaml', oulu], ...newer.map((name): [string, string] => [name, further])]);
      const places = { data: own.get(file) ?? data, out: join(folder, 'experiments') };
      const { runs, tasks } = await planStudy(await readStudy(join(experiments, file)), places);
      planned[file] = [runs.length, tasks.filter(isStage).length];
    }
    expect(planned).toEqual({
      'ocim.yaml': [12, 12],
      'limited-source.yaml': [6, 6],
      'methods.yaml': [84, 12],
      'ablation.yaml': [96, 12],
      'one-to-one.yaml': [36, 36],
      'oulu.yaml': [14, 14],
      'unseen-attack.yaml': [24, 24],
      'synthetic-methods.yaml': [28, 4],
      'synthetic.yaml': [60, 12],
      'wcs.yaml': [9, 9],
      'celeba-spoof.yaml': [3, 3],
      'siwm.yaml': [14, 14],
      'wfas.yaml': [1, 1],
      'few-shot.yaml': [24, 24],
    });
  });

  it('trains each fold of the protocols of OULU-NPU on its own', async () => {
    const runs = expand(await readStudy(join(experiments, 'oulu.yaml')), folder);
    expect(runs.map(({ protocol }) => protocol.name)).toEqual([
      ...['oulu/1', 'oulu/2'],
      ...[3, 4].flatMap((protocol) => [1, 2, 3, 4, 5, 6].map((fold) => `oulu/${protocol}/${fold}`)),
    ]);
    const { file } = await writeStudy('protocols: [oulu/3]');
    const { tasks } = await planStudy(await readStudy(file), { data: oulu, out: join(folder, 'oulu-runs') });
    expect(tasks.filter(isStage)).toHaveLength(6);
  });
});
