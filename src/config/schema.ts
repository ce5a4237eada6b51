/**
 * The keys of the configuration that every method has: what they may be, what they are when nobody says otherwise, and what they mean.
 * A method adds sections of its own and keys in `train`, and may say other defaults; its file is `config.ts` in its folder.
 */
import { stringify } from 'yaml';
import { z } from 'zod';
import { parseBytes } from '../base/bytes.js';
import { autoOrCount, count, flag, fraction, key, oneOf, section, share } from './keys.js';
import { isSection, mergeSettings } from './merge.js';

/** What a method says of its configuration. */
export interface MethodSettings {
  /** As `method` names it, and its section where it has one. */
  name: string;
  /** Sections of its own. */
  sections: Readonly<Record<string, z.ZodType>>;
  /** Its keys in `train`; one with the name of a common key takes its place. */
  train?: z.ZodRawShape;
  /** Values of common keys when nobody says otherwise, where they are not those of this file. */
  defaults?: object;
}

const isSize = (text: string) => parseBytes(text) !== null;

const head = {
  method: key(z.string().min(1), 'ldcnet', 'the name of a method, or the path of a module'),
  seed: key(z.int().min(0).max(0xffffffff), 0, 'a whole number from 0 to 4294967295'),
  device: oneOf(['auto', 'cpu', 'cuda'], 'auto'),
  precision: oneOf(['auto', 'fp32', 'tf32', 'bf16'], 'auto'),
  threads: autoOrCount(),
  data: section({
    image_size: key(z.int().min(32).max(1024), 256, 'a whole number from 32 to 1024'),
    normalize: oneOf(['unit', 'imagenet', 'released'], 'unit'),
    development: oneOf(['subjects', 'release'], 'subjects'),
    dev_fraction: share(0.2),
    few_shot: key(
      z.array(z.union([z.string(), z.number()]).transform(String)).nullable(),
      null,
      'null, or the people of the target that are trained on, as in [s01, s02]',
    ),
    workers: autoOrCount(),
    cache: key(z.union([z.boolean(), z.string().refine(isSize)]), true, 'true, false, or a size as in 40G'),
    follow: flag(false),
  }),
  augment: section({
    rotation: key(z.number().min(0).max(180), 0, 'a number of degrees from 0 to 180'),
    interpolation: oneOf(['bilinear', 'nearest'], 'bilinear'),
    crop: key(
      z.tuple([z.number().gt(0).max(1), z.number().gt(0).max(1)]).nullable(),
      null,
      'null, or two shares of the area, as in [0.2, 1]',
    ),
    flip: fraction(0),
    brightness: fraction(0),
    contrast: fraction(0),
    saturation: fraction(0),
    hue: key(z.number().min(0).max(0.5), 0, 'a number from 0 to 0.5'),
  }),
};

const trainHead = { epochs: count(500) };

const trainTail = {
  conv_algorithm: oneOf(['auto', 'direct', 'winograd'], 'auto'),
  save_every: count(1),
  checkpoint_every: key(
    z.union([z.int().min(1), z.string().regex(/^[1-9]\d{0,5}m$/)]).nullable(),
    null,
    'null, a whole number of steps, or minutes as in 10m',
  ),
  on_nan: oneOf(['stop', 'skip'], 'stop'),
  keep: key(z.union([z.literal('all'), z.int().min(1)]), 'all', 'all or a whole number of at least 1'),
};

const tail = {
  eval: section({
    score: oneOf(['classifier', 'classifier+maps'], 'classifier'),
    level: oneOf(['frame', 'video'], 'video'),
    batch_size: count(8),
  }),
  log: section({ tensorboard: flag(true) }),
};

const commonSchema = z.strictObject({ ...head, train: section({ ...trainHead, ...trainTail }), ...tail });

/** What a complete configuration has whatever the method, its keys spelled as in YAML. */
export type Config = z.output<typeof commonSchema>;

/** The keys of one method's configuration. Sections of the other methods may stand beside its own, so that one file can serve several. */
export class ConfigSchema {
  private readonly own: z.ZodObject;
  private readonly whole: z.ZodObject;

  constructor(
    readonly method: MethodSettings,
    private readonly others: readonly MethodSettings[],
  ) {
    const train = section({ ...trainHead, ...method.train, ...trainTail });
    const foreign = Object.assign({}, ...others.map(({ sections }) => sections)) as z.ZodRawShape;
    this.own = z.strictObject({ ...head, ...method.sections, train, ...tail });
    this.whole = z.strictObject({ ...head, ...foreign, ...method.sections, train, ...tail });
  }

  /** The complete configuration that settings give; what is said of other methods is left out. Throws as zod does. */
  parse(settings: object): Config {
    const checked = this.whole.parse(mergeSettings(this.method.defaults ?? {}, settings));
    const mine = Object.entries(checked).filter(([name]) => name in this.own.shape);
    const order = Object.keys(this.own.shape);
    return Object.fromEntries(mine.sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))) as Config;
  }

  safeParse(settings: unknown) {
    return this.whole.safeParse(settings);
  }

  /** Settings without the keys of other methods in `train`. */
  withoutOthers(settings: object): object {
    const { train } = settings as { train?: unknown };
    if (!isSection(train)) return settings;
    const mine = Object.entries(train).filter(([name]) => this.ownerOf(['train', name]) === undefined);
    return { ...settings, train: Object.fromEntries(mine) };
  }

  /** Every key in dots (`train.per_domain.live`), sections included, in the order of the schema. */
  get keys(): string[] {
    return knownKeys(this.parse({}));
  }

  /** The method, not this one, that a key belongs to; undefined where it is this one's, or nobody's. */
  ownerOf(path: readonly PropertyKey[]): string | undefined {
    const [first, second] = path.map(String);
    const owns = ({ sections, train = {} }: MethodSettings) =>
      first! in sections || (first === 'train' && second !== undefined && second in train);
    if (owns(this.method) || (first === 'train' && second !== undefined && second in { ...trainHead, ...trainTail })) {
      return undefined;
    }
    return this.others.find(owns)?.name;
  }

  /** What the value at `path` must be: "a number above 0"; of a section, that it is one. */
  expectedAt(path: readonly PropertyKey[]): string {
    let schema: z.ZodType = this.whole;
    for (const name of path) {
      const inside = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
      schema = (inside as z.ZodObject).shape[name as string] as z.ZodType;
    }
    return schema.description ?? 'a section with keys of its own';
  }
}

/** The complete configuration as YAML, as a run folder keeps it; reading it back gives the same configuration. */
export function configToYaml(config: Config): string {
  return stringify(config);
}

/** Every key of a configuration in dots, sections included. */
export function knownKeys(config: object, prefix = ''): string[] {
  return Object.entries(config).flatMap(([name, value]) => {
    const path = prefix + name;
    return isSection(value) ? [path, ...knownKeys(value, `${path}.`)] : [path];
  });
}

/** The keys whose values differ, each as `train.lr: 0.001` with its value in `after`. */
export function differingKeys(before: object, after: object, prefix = ''): string[] {
  return Object.entries(after).flatMap(([name, value]) => {
    const old = (before as Record<string, unknown>)[name];
    const path = prefix + name;
    if (isSection(value) && isSection(old)) return differingKeys(old, value, `${path}.`);
    return JSON.stringify(old) === JSON.stringify(value) ? [] : [`${path}: ${stringify(value).trim()}`];
  });
}
