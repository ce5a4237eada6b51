import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { UserError } from '../../src/base/errors.js';
import { ConfigSchema, configToYaml, knownKeys } from '../../src/config/schema.js';
import { type LdcNetConfig, settings } from '../../src/method/ldcnet/config.js';
import { defaultConfig, loadConfig as loadAny } from '../../src/run/configuration.js';

const schema = new ConfigSchema(settings, []);
const loadConfig = async (...of: Parameters<typeof loadAny>) => (await loadAny(...of)) as LdcNetConfig;

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-config-'));
  file = join(folder, 'own.yaml');
});
afterAll(() => rm(folder, { recursive: true }));

async function load(yaml: string, overrides: string[] = []) {
  await writeFile(file, yaml);
  return loadConfig(file, overrides);
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

describe('defaults', () => {
  it('are the paper, key by key', () => {
    expect(defaultConfig).toEqual({
      method: 'ldcnet',
      seed: 0,
      device: 'auto',
      precision: 'auto',
      threads: 'auto',
      data: {
        image_size: 256,
        normalize: 'unit',
        development: 'subjects',
        dev_fraction: 0.2,
        few_shot: null,
        workers: 'auto',
        cache: true,
        follow: false,
      },
      augment: {
        rotation: 0,
        interpolation: 'bilinear',
        crop: null,
        flip: 0,
        brightness: 0,
        contrast: 0,
        saturation: 0,
        hue: 0,
      },
      model: { conv: { kind: 'ldc', theta: 0.5 }, map_size: 32, dropout: 0.5, weights: null },
      activation: { network: 'resnet18', epochs: 99, batch_size: 60, lr: 1e-4, weights: null },
      train: {
        epochs: 500,
        lr: 1e-4,
        per_domain: { live: 5, spoof: 5 },
        gamma: 0.004,
        beta: 0.1,
        margin: 0.1,
        mining: 'batch-hard',
        squared: false,
        conv_algorithm: 'auto',
        save_every: 1,
        checkpoint_every: null,
        on_nan: 'stop',
        keep: 'all',
      },
      eval: { score: 'classifier', level: 'video', batch_size: 8 },
      log: { tensorboard: true },
    });
  });

  it('stand in configs/ldcnet.yaml, all of them and in the same order', async () => {
    const written: unknown = parse(await readFile('configs/ldcnet.yaml', 'utf8'));
    expect(written).toEqual(defaultConfig);
    expect(knownKeys(written as object)).toEqual(schema.keys);
    expect(await loadConfig('configs/ldcnet.yaml')).toEqual(await loadConfig());
  });

  it('are changed by configs/quick.yaml to something smaller', async () => {
    const quick = await loadConfig('configs/quick.yaml');
    expect(quick.data.image_size).toBeLessThanOrEqual(96);
    expect(quick.train.epochs).toBeLessThan(defaultConfig.train.epochs);
    expect(quick.train.beta).toBe(defaultConfig.train.beta);
  });

  it('each say what their value must be', () => {
    for (const name of schema.keys) expect(schema.expectedAt(name.split('.')).length).toBeGreaterThan(0);
    expect(schema.expectedAt(['train', 'per_domain', 'live'])).toBe('a whole number of at least 1');
    expect(schema.expectedAt(['model', 'conv'])).toContain('section');
  });
});

describe('loadConfig', () => {
  it('takes a part of the keys from a file', async () => {
    const config = await load('train:\n  lr: 1e-3\n  per_domain: {live: 3}\nthreads: 2\n');
    expect(config.train.lr).toBe(1e-3);
    expect(config.train.per_domain).toEqual({ live: 3, spoof: 5 });
    expect(config.threads).toBe(2);
    expect(config.train.epochs).toBe(500);
  });

  it('takes an empty file for the defaults', async () => {
    expect(await load('')).toEqual(defaultConfig);
    expect(await load('# nothing yet\n')).toEqual(defaultConfig);
  });

  it('lets an override win over the file, and a later one over an earlier one', async () => {
    const config = await load('train: {epochs: 7, margin: 0.2}\n', [
      'train.epochs=8',
      'train.epochs=9',
      'train.keep=3',
    ]);
    expect(config.train).toMatchObject({ epochs: 9, margin: 0.2, keep: 3 });
  });

  it('reads the value of an override as YAML', async () => {
    const config = await loadConfig(undefined, [
      'train.lr=1e-3',
      'train.squared=true',
      'model.weights=a=b.pth',
      'activation.weights=null',
      'model.conv={kind: cdc, theta: 0.7}',
      'train.per_domain={spoof: 2}',
      'eval.score=classifier+maps',
    ]);
    expect(config.train).toMatchObject({ lr: 1e-3, squared: true, per_domain: { live: 5, spoof: 2 } });
    expect(config.model).toMatchObject({ weights: 'a=b.pth', conv: { kind: 'cdc', theta: 0.7 } });
    expect(config.activation.weights).toBeNull();
    expect(config.eval.score).toBe('classifier+maps');
  });

  it('gives back what configToYaml wrote', async () => {
    const config = await loadConfig('configs/quick.yaml', ['seed=4294967295', 'model.weights=null', 'train.keep=all']);
    expect(await load(configToYaml(config))).toEqual(config);
  });

  it('leaves the defaults alone', async () => {
    const before = structuredClone(defaultConfig);
    await loadConfig(undefined, ['train.per_domain.live=1', 'model.conv.theta=0']);
    expect(defaultConfig).toEqual(before);
  });
});

describe('an error', () => {
  it('names file, key, line and the nearest key for an unknown key', async () => {
    const error = await failure(load('seed: 1\ntrain:\n  lr: 1.0e-3\n\n  epoch: 3\n'));
    expect(error.message).toBe(`unknown key train.epoch, in ${file} line 5`);
    expect(error.hint).toBe('did you mean train.epochs?');
  });

  it.each([
    ['image_size=64', 'data.image_size'],
    ['epochs=3', 'train.epochs or activation.epochs'],
    ['train.perDomain.life=3', 'train.per_domain.live'],
    ['modle.dropout=0', 'model.dropout'],
    ['train.conv-algorithm=direct', 'train.conv_algorithm'],
    ['model.conv.thetta=0', 'model.conv.theta'],
    ['sead=3', 'seed'],
  ])('for --set %s suggests %s', async (override, expected) => {
    const error = await failure(loadConfig(undefined, [override]));
    expect(error.message).toContain(`in the setting "${override}"`);
    expect(error.hint).toBe(`did you mean ${expected}?`);
  });

  it.each([
    ['train:\n  epochs: many\n', 'train.epochs must be a whole number of at least 1, not "many"', 2],
    ['train:\n  epochs: 0\n', 'train.epochs must be a whole number of at least 1, not 0', 2],
    ['train:\n  epochs: 1.5\n', 'train.epochs must be a whole number of at least 1, not 1.5', 2],
    ['train:\n  lr:\n', 'train.lr must be a number above 0 and at most 1, not null', 2],
    ['threads: some\n', 'threads must be auto or a whole number of at least 1, not "some"', 1],
    ['\ntrain:\n  keep: none\n', 'train.keep must be all or a whole number of at least 1, not "none"', 3],
    ['data: {normalize: units}\n', 'data.normalize must be one of unit, imagenet, released, not "units"', 1],
    ['data:\n', 'data must be a section with keys of its own, not null', 1],
    ['model:\n  conv: ldc\n', 'model.conv must be a section with keys of its own, not "ldc"', 2],
    ['train:\n  lr: {a: 1}\n', 'train.lr must be a number above 0 and at most 1, not a section', 2],
    ['- seed\n', 'the configuration must be a section with keys of its own, not ["seed"]', 1],
    ['train:\n  lr: .inf\n', 'train.lr must be a number above 0 and at most 1, not Infinity', 2],
  ])('says what a value must be: %j', async (yaml, message, line) => {
    expect((await failure(load(yaml))).message).toBe(`${message}, in ${file} line ${line}`);
  });

  it('names the line of broken YAML and of a key given twice', async () => {
    expect((await failure(load('seed: 1\ndata: {image_size: 64\ntrain: 3\n'))).message).toMatch(
      /in .*own\.yaml line \d+$/,
    );
    expect((await failure(load('seed: 1\ndevice: cpu\nseed: 2\n'))).message).toMatch(/unique.*line 3$/);
  });

  it('names a configuration that does not exist', async () => {
    expect((await failure(loadConfig('nowhere.yaml'))).message).toBe('the configuration nowhere.yaml does not exist');
    expect((await failure(loadConfig(folder))).message).toContain('cannot be read');
  });

  it.each(['train.lr', '=3', 'train..lr=1', 'train.=1'])('refuses the override %j', async (override) => {
    expect((await failure(loadConfig(undefined, [override]))).message).toBe(
      `"${override}" is not of the form key=value`,
    );
  });

  it('names the override whose value is not YAML, or wrong', async () => {
    expect((await failure(loadConfig(undefined, ['train.lr={']))).message).toContain(
      'the value of train.lr is not YAML',
    );
    const error = await failure(load('train:\n  epochs: 3\n', ['train.epochs=-1']));
    expect(error.message).toBe(
      'train.epochs must be a whole number of at least 1, not -1, in the setting "train.epochs=-1"',
    );
  });
});
