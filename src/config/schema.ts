/** Every key of the configuration: what it may be, what it is when nobody says otherwise (the paper), and what it means. */
import { stringify } from 'yaml';
import { z } from 'zod';

/** A key with its default and, for messages, what its value must be. */
function key<T extends z.ZodType>(type: T, value: z.util.NoUndefined<z.output<T>>, expected: string) {
  return type.default(value).describe(expected);
}

const count = (value: number) => key(z.int().min(1), value, 'a whole number of at least 1');
const positive = (value: number) => key(z.number().gt(0), value, 'a number above 0');
const notNegative = (value: number) => key(z.number().min(0), value, 'a number of at least 0');
const learningRate = (value: number) => key(z.number().gt(0).max(1), value, 'a number above 0 and at most 1');
const autoOrCount = () =>
  key(z.union([z.literal('auto'), z.int().min(1)]), 'auto', 'auto or a whole number of at least 1');
const weightsFile = () => key(z.string().min(1).nullable(), null, 'the path of a weights file, or null');

function oneOf<const T extends readonly [string, ...string[]]>(values: T, value: T[number]) {
  return z
    .enum(values)
    .default(value)
    .describe(`one of ${values.join(', ')}`);
}

const conv = z.strictObject({
  kind: oneOf(['vanilla', 'cdc', 'ldc', 'ldc-paper', 'ldc-decoupled'], 'ldc'),
  theta: key(z.number().min(0).max(1), 0.5, 'a number from 0 to 1'),
});

const perDomain = z.strictObject({ live: count(5), spoof: count(5) });

/** The configuration as it stands in a YAML file; keys left out get their default. */
export const configSchema = z.strictObject({
  seed: key(z.int().min(0).max(0xffffffff), 0, 'a whole number from 0 to 4294967295'),
  device: oneOf(['auto', 'cpu', 'cuda'], 'auto'),
  precision: oneOf(['auto', 'fp32', 'tf32', 'bf16'], 'auto'),
  threads: autoOrCount(),
  data: z
    .strictObject({
      image_size: key(z.int().min(32).max(1024), 256, 'a whole number from 32 to 1024'),
      normalize: oneOf(['unit', 'imagenet', 'released'], 'unit'),
      dev_fraction: key(z.number().min(0).lt(1), 0.2, 'a number of at least 0 and below 1'),
      workers: autoOrCount(),
      cache: key(z.boolean(), true, 'true or false'),
      follow: key(z.boolean(), false, 'true or false'),
    })
    .prefault({}),
  model: z
    .strictObject({
      conv: conv.prefault({}),
      map_size: key(z.int().min(1).max(256), 32, 'a whole number from 1 to 256'),
      dropout: key(z.number().min(0).lt(1), 0.5, 'a number of at least 0 and below 1'),
      weights: weightsFile(),
    })
    .prefault({}),
  activation: z
    .strictObject({
      network: oneOf(['resnet18', 'ldcnet'], 'resnet18'),
      epochs: count(99),
      batch_size: count(60),
      lr: learningRate(1e-4),
      weights: weightsFile(),
    })
    .prefault({}),
  train: z
    .strictObject({
      epochs: count(500),
      lr: learningRate(1e-4),
      per_domain: perDomain.prefault({}),
      gamma: notNegative(0.004),
      beta: notNegative(0.1),
      margin: positive(0.1),
      mining: oneOf(['batch-hard', 'batch-all'], 'batch-hard'),
      squared: key(z.boolean(), false, 'true or false'),
      conv_algorithm: oneOf(['auto', 'direct', 'winograd'], 'auto'),
      save_every: count(1),
      checkpoint_every: key(
        z.union([z.int().min(1), z.string().regex(/^[1-9]\d{0,5}m$/)]).nullable(),
        null,
        'null, a whole number of steps, or minutes as in 10m',
      ),
      on_nan: oneOf(['stop', 'skip'], 'stop'),
      keep: key(z.union([z.literal('all'), z.int().min(1)]), 'all', 'all or a whole number of at least 1'),
    })
    .prefault({}),
  eval: z
    .strictObject({
      score: oneOf(['classifier', 'classifier+maps'], 'classifier'),
      level: oneOf(['frame', 'video'], 'video'),
      batch_size: count(8),
    })
    .prefault({}),
});

/** A complete configuration, its keys spelled as in YAML. */
export type Config = z.output<typeof configSchema>;

/** The configuration of the paper. */
export const defaultConfig: Config = configSchema.parse({});

/** The complete configuration as YAML, as a run folder keeps it; reading it back gives the same configuration. */
export function configToYaml(config: Config): string {
  return stringify(config);
}

/** Every key in dots (`train.per_domain.live`), sections included, in the order of the schema. */
export function knownKeys(config: object = defaultConfig, prefix = ''): string[] {
  return Object.entries(config).flatMap(([name, value]) => {
    const path = prefix + name;
    return value !== null && typeof value === 'object' ? [path, ...knownKeys(value, `${path}.`)] : [path];
  });
}

/** What the value at `path` must be: "a number above 0"; of a section, that it is one. */
export function expectedAt(path: readonly PropertyKey[]): string {
  let schema: z.ZodType = configSchema;
  for (const name of path) {
    const section = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
    schema = (section as z.ZodObject).shape[name as string] as z.ZodType;
  }
  return schema.description ?? 'a section with keys of its own';
}
