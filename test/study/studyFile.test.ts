/** Study files: what they expand to, and the sentence that says what is wrong on which line. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configsOf, expand } from '../../src/study/expand.js';
import { readStudy } from '../../src/study/studyFile.js';
import { writeStudy } from './helpers.js';

const experiments = fileURLToPath(new URL('../../experiments', import.meta.url));

describe('a study', () => {
  it('is protocols × seeds × variants × grid, each run with a name and a configuration of its own', async () => {
    const { file } = await writeStudy(`
settings: {train: {epochs: 3}}
protocols: [OCI-to-M, 'O:print&C-to-I:replay']
seeds: [4, 7]
variants:
  plain: {model: {conv: {kind: vanilla}}}
  ldc: {train: {lr: 0.001}}
grid: {model.dropout: [0, 0.25]}
`);
    const runs = expand(await readStudy(file), 'runs');
    expect(runs).toHaveLength(2 * 2 * 2 * 2);
    expect(new Set(runs.map(({ folder }) => folder.path)).size).toBe(16);
    expect(new Set(runs.map(({ id }) => id)).size).toBe(16);
    const run = runs.find(({ id }) => id === 'O=print&C-to-I=replay--ldc-dropout0.25-seed7')!;
    expect(run.folder.path).toBe('runs/O=print&C-to-I=replay/grid-ldc-dropout0.25-seed7');
    expect(run.config).toMatchObject({ seed: 7, train: { epochs: 3, lr: 0.001 }, model: { dropout: 0.25 } });
    expect(run.config).toMatchObject({ model: { conv: { kind: 'ldc' } } });
  });

  it('makes one column of the six folds of an official protocol', async () => {
    const { file } = await writeStudy('protocols: [oulu/1, oulu/3]\n');
    const study = await readStudy(file);
    expect(study.columns.map(({ title, protocols }) => [title, protocols.length])).toEqual([
      ['oulu/1', 1],
      ['oulu/3', 6],
    ]);
  });

  it('makes a column of each of several targets, which are one run, and one of fourteen attacks left out', async () => {
    const { file } = await writeStudy('protocols: [celeba-spoof-to-O&C:print, siwm]\n');
    const study = await readStudy(file);
    expect(study.columns.map(({ title, protocols, target }) => [title, protocols.length, target])).toEqual([
      ['A-to-O', 1, 0],
      ['A-to-C:print', 1, 1],
      ['siwm', 14, undefined],
    ]);
    expect(expand(study, 'runs')).toHaveLength(15);
  });

  it.each([
    ['protocols: []', /protocols: .*line 1/],
    ['seeds: [1]', /protocols: .*line 1/],
    ['protocols: [OCI-to-M]\nsedes: [1]', /unknown key sedes, in .*line 2/],
    [
      'protocols: [OCI-to-M]\nslurm:\n  gpus: 1\n  options: [--gpus=1]',
      /asks for GPUs in more than one way.*, in .*line 2/,
    ],
    ['protocols: [OCI-to-M]\nslurm:\n  tiem: 1', /unknown key slurm\.tiem, in .*line 3/],
    ['protocols: [OCI-to-M]\nvariants:\n  a:\n    model: {dropuot: 1}', /unknown key model\.dropuot, in .*line 4/],
    ['protocols: [OCI-to-M]\nvariants:\n  a:\n    train: {lr: -1}', /train\.lr must be a number above 0.*line 4/],
    ['protocols: [OCI-to-M]\nvariants:\n  a/b: {}', /must be a name.*line 3/],
    ['protocols: [OCI-to-M]\ngrid:\n  train.lr: [0.1, x]', /train\.lr must be .*line 3/],
    ['protocols:\n  - OCI-to-M\n  - OCI', /names no target domain, in .*line 3/],
    ['protocols: [OCI-to-M, "O&C&I-to-M"]', /O&C&I-to-M stands there twice/],
    ['protocols: [OCI-to-M]\nseeds: [1, 1]', /one seed twice, in .*line 2/],
    ['protocols: [OCI-to-M]\nreport: {metrics: [hetr]}', /report\.metrics\.0: .*line 2/],
    ['protocols: [OCI-to-M\n', /in .*grid\.yaml line/],
  ])('refuses %j', async (text, message) => {
    const { file } = await writeStudy(text);
    const refused = (async () => configsOf(await readStudy(file)))();
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ name: 'UserError' });
  });

  it('names the key that a mistyped one most likely meant', async () => {
    const { file } = await writeStudy('protocols: [OCI-to-M]\nslurm: {partiton: x}');
    await expect(readStudy(file)).rejects.toMatchObject({ hint: 'did you mean partition?' });
  });

  it('refuses a grid value that no folder can be named after', async () => {
    const { file } = await writeStudy('protocols: [OCI-to-M]\ngrid: {model.weights: [a/b.safetensors]}');
    const study = await readStudy(file);
    expect(() => configsOf(study)).toThrow(/grid\.model\.weights cannot be part of a run's name/);
  });
});

describe('the experiments that come with the package', async () => {
  const files = (await readdir(experiments)).filter((name) => name.endsWith('.yaml'));

  it.each(files)('%s can be read and expanded', async (name) => {
    const study = await readStudy(join(experiments, name));
    const runs = expand(study, 'runs');
    expect(new Set(runs.map(({ id }) => id)).size).toBe(runs.length);
  });
});
