/** Configurations of several methods: whose keys they have, what the protocol settles, and whose code is not loaded. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configToYaml } from '../../src/config/schema.js';
import { methodOfModule } from '../../src/method/define.js';
import { loadConfig, loadRunConfig, methodFacts, methodOf } from '../../src/run/configuration.js';
import { moduleHash } from '../../src/run/ownMethod.js';
import { moduleNotice, type RunFacts } from '../../src/run/runFolder.js';
import { failure, temporaryFolder } from '../data/helpers.js';

const folder = await temporaryFolder();
const settled = async (overrides: string[], sources: string[], target: string) => {
  const config = await loadConfig(undefined, overrides);
  return methodOf(config).settle!(config, { sources, targets: [target] });
};

describe('the method of a configuration', () => {
  it('brings its section and its defaults, and leaves out those of others', async () => {
    const config = await loadConfig(undefined, ['method=ssdg', 'ssdg.variant=as-described']);
    expect(config).toMatchObject({ data: { normalize: 'imagenet' }, augment: { flip: 0.5 }, train: { epochs: 401 } });
    expect(methodFacts(config)).toEqual({ method: 'ssdg', variant: 'as-described' });
    for (const other of ['model', 'activation', 'safas']) expect(config).not.toHaveProperty(other);
    const file = join(folder, 'ssdg.yaml');
    await writeFile(file, configToYaml(config));
    expect(await loadConfig(file)).toEqual(config);
  });

  it('may stand in a file beside sections of other methods, but not beside their keys as flags', async () => {
    const file = join(folder, 'several.yaml');
    await writeFile(file, 'method: erm\nerm: {batch: 4}\nssdg: {batch: 5}\n');
    expect(await loadConfig(file)).toMatchObject({ erm: { batch: 4 } });
    for (const [override, owner] of [
      ['ssdg.batch=5', 'ssdg'],
      ['model.conv.kind=cdc', 'ldcnet'],
      ['train.beta=1', 'ldcnet'],
    ] as const) {
      const { message } = await failure(loadConfig(file, [override]));
      expect(message).toContain(`is a key of the method ${owner}, and the method is erm`);
    }
  });

  it('is named when it is mistyped', async () => {
    const { message, hint } = await failure(loadConfig(undefined, ['method=ssgd']));
    expect(message).toBe('there is no method "ssgd"');
    expect(hint).toMatch(/^did you mean ssdg\?/);
  });
});

describe('what the protocol settles', () => {
  it.each([
    ['M', { lambda_triplet: 1, lambda_adreal: 0.5, lr_drop: 150 }],
    ['C', { lambda_triplet: 1, lambda_adreal: 0.5, lr_drop: 50 }],
    ['I', { lambda_triplet: 1, lambda_adreal: 0.5, lr_drop: 50 }],
    ['O', { lambda_triplet: 2, lambda_adreal: 0.1, lr_drop: 150 }],
  ])('of SSDG, to %s', async (target, ssdg) => {
    expect(await settled(['method=ssdg'], ['X', 'Y', 'Z'], target)).toMatchObject({ ssdg });
    expect(await settled(['method=ssdg', 'ssdg.lr_drop=7'], ['X'], target)).toMatchObject({ ssdg: { lr_drop: 7 } });
  });

  it('of SA-FAS: a head a source, three times as long to O', async () => {
    expect(await settled(['method=safas'], ['M', 'I'], 'C')).toMatchObject({
      train: { epochs: 100 },
      safas: { heads: 2, lr_step: 40 },
    });
    expect(await settled(['method=safas'], ['M', 'I', 'C'], 'O')).toMatchObject({
      train: { epochs: 300 },
      safas: { heads: 3, lr_step: 120 },
    });
    await expect(settled(['method=safas', 'safas.heads=1'], ['M', 'I'], 'C')).rejects.toThrow('each needs a head');
  });
});

describe('keys of another method in `train`', () => {
  const write = async (name: string, text: string) => {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  };

  it('mean nothing in a file that names no method: configs/quick.yaml serves ERM too', async () => {
    const quick = fileURLToPath(new URL('../../configs/quick.yaml', import.meta.url));
    const config = await loadConfig(quick, ['method=erm']);
    expect(config).toMatchObject({ method: 'erm', data: { image_size: 96 }, train: { epochs: 10, keep: 3 } });
    expect(config.train).not.toHaveProperty('lr');
  });

  it('are a mistake where the method is named, and unknown ones always are', async () => {
    const named = await write('erm.yaml', 'method: erm\ntrain: {lr: 1.0e-3}\n');
    expect((await failure(loadConfig(named))).message).toContain('train.lr is a key of the method ldcnet');
    const unknown = await write('unknown.yaml', 'train: {lrr: 1.0e-3}\n');
    expect((await failure(loadConfig(unknown, ['method=erm']))).message).toContain('unknown key train.lrr');
    expect((await failure(loadConfig(undefined, ['method=erm', 'train.lr=1']))).message).toContain('train.lr is a key');
  });
});

describe('a method of one’s own', () => {
  it('is not loaded because the folder of a run names it', async () => {
    const file = join(folder, 'config.yaml');
    const evil = join(folder, 'evil.mjs');
    await writeFile(evil, 'globalThis.evil = true; export default {};');
    await writeFile(file, `method: ${evil}\n`);
    const { message, hint } = await failure(loadRunConfig(file, ['threads=1']));
    expect(message).toContain('code is not loaded because a run');
    expect(hint).toContain(`--method ${evil}`);
    expect(globalThis).not.toHaveProperty('evil');
    await failure(loadRunConfig(file, [`method=${evil}`]));
    expect(globalThis).toHaveProperty('evil');
  });

  it('says when it is not the code that a run was trained with', async () => {
    const file = join(folder, 'plain.mjs');
    const parts = 'network: () => {}, training: () => {}, outputs: () => {}';
    await writeFile(file, `export default { name: 'plain', ${parts} };`);
    const config = await loadConfig(undefined, [`method=${file}`]);
    const facts = { module: await moduleHash(file) } as RunFacts;
    expect(await moduleNotice(config, facts)).toBeUndefined();
    await writeFile(file, `export default { name: 'plain', ${parts} }; // another`);
    expect(await moduleNotice(config, facts)).toContain('plain.mjs is not the code that the run was trained with');
    expect(await moduleNotice(await loadConfig(), facts)).toBeUndefined();
  });

  it('is told what it lacks, by name', () => {
    const wrong = { name: 'Mine', training: () => {}, outputs: 3, graph: 'no' };
    expect(() => methodOfModule({ default: wrong }, 'mine.mjs', [])).toThrow(
      'mine.mjs lacks, or has wrong: name (small letters, digits and _), network (a function), outputs (a function), graph (a function)',
    );
    expect(() => methodOfModule({}, 'mine.mjs', [])).toThrow('mine.mjs has no method as its default export');
    const parts = { network: () => {}, training: () => {}, outputs: () => {} };
    expect(() => methodOfModule({ default: { name: 'ssdg', ...parts } }, 'mine.mjs', ['ssdg'])).toThrow(
      'uses the name ssdg',
    );
  });

  /** A method whose network and training are whole but for `over`. */
  const mine = (over: object, training: object = {}) => {
    const whole = {
      ...{ title: 'Mine', epochs: 1, batchKey: 'none', batches: () => [[0]], loss: () => ({}), dispose: () => {} },
      optimizer: { parameters: [], step: () => {} },
    };
    const parts = {
      ...{ name: 'mine', network: () => ({}), outputs: () => ({}) },
      training: () => ({ ...whole, ...training }),
    };
    return methodOfModule({ default: { ...parts, ...over } }, 'mine.mjs', []);
  };
  const start = { frames: [{}, {}] } as never;

  it('is told what its parts and what its training lack', () => {
    expect(() => mine({ carried: 'data.image_size', pictures: {} })).toThrow(
      'lacks, or has wrong: carried (a list of texts), pictures ({ layers, draw }, functions)',
    );
    expect(() => mine({ settings: { name: 'mine', sections: { mine: { lr: 1 } } } })).toThrow(
      'mine of settings (a zod type)',
    );
    expect(() => mine({}).network(...([] as never[] as [never, never, never]))).toThrow('network gives no module');
    expect(() => mine({}).score([1, 2, 3], {} as never)).toThrow('outputs gives 3 values an image');
    expect(() => mine({ score: () => 7 }).score([], {} as never)).toThrow('score gives 7, not a number from 0 to 1');
    expect(() => mine({ training: () => undefined }).training(start)).toThrow('title (a text), epochs (a whole');
    expect(() => mine({}, { afterStep: 3 }).training(start)).toThrow(
      'what training gives lacks, or has wrong: afterStep',
    );
    for (const batches of [[], [[]], [[0, 2]], 3]) {
      expect(() =>
        mine({}, { batches: () => batches })
          .training(start)
          .batches(0),
      ).toThrow('batches(0) gives no list');
    }
    expect(mine({}).training(start).batches(0)).toEqual([[0]]);
    expect(() =>
      mine({})
        .training(start)
        .loss({} as never),
    ).toThrow('loss, of what loss gives, is no scalar');
    expect(() => mine({}).outputs({} as never, { shape: [3, 3, 8, 8] } as never)).toThrow(
      'outputs gives no values [3,K]',
    );
  });

  it('is told of defaults and keys of checkpoints that there are not', async () => {
    const parts = "name: 'keys', network: () => {}, training: () => {}, outputs: () => {}";
    const write = async (name: string, more: string) => {
      const file = join(folder, name);
      await writeFile(file, `export default { ${parts}, ${more} };`);
      return (await failure(loadConfig(undefined, [`method=${file}`]))).message;
    };
    expect(await write('carried.mjs', "carried: ['data.side']")).toContain('carried names data.side, which is no key');
    const settings = "settings: { name: 'keys', sections: {}, defaults: { dta: 1 } }";
    expect(await write('defaults.mjs', settings)).toContain('the defaults in settings are wrong');
  });
});
