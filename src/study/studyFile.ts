/** The YAML file of a study: what it may hold, and the one sentence that says what is wrong in it. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { checkedYaml } from '../config/checkedYaml.js';
import { readSettings, withMethodFrom } from '../config/load.js';
import type { Protocol } from '../config/protocol.js';
import { readYamlFile } from '../config/yamlFile.js';
import type { ScoreFileOptions } from '../evaluate/scoreFile.js';
import { thresholdNames } from '../evaluate/thresholds.js';
import { checkPart } from '../run/configuration.js';
import { metricNames } from './metrics.js';
import { columnsOf, type ProtocolColumn, parsedProtocol } from './protocolColumns.js';

/** What may stand in a folder's name; a run's is STUDY-VARIANT-seedN. */
const namePattern = /^[A-Za-z0-9][\w.+-]*$/;
const name = () => z.string().regex(namePattern, 'must be a name of letters, digits, ".", "_", "+" and "-"');
/** A part of the configuration; `checkPart` says what may be in it. */
const settings = () => z.record(z.string(), z.unknown());
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const atLeastOne = (value: object) => Object.keys(value).length > 0;

/** A score file, with its development scores as a pair, or several pairs: one a seed. */
const scoreFiles = z.union(
  [
    z.string().min(1),
    z.tuple([z.string().min(1)]),
    z.tuple([z.string().min(1), z.string().min(1)]),
    z.array(z.tuple([z.string().min(1), z.string().min(1)])).min(1),
  ],
  { error: 'must be a score file, a pair of score files (target, source development), or several pairs' },
);
/** What others made: score files by protocol, or a model with its card. */
const external = z
  .object({
    model: z.string().min(1).optional(),
    card: z.string().min(1).optional(),
    live_label: z.union([z.string(), z.number()]).transform(String).optional(),
    higher: z.enum(['live', 'attack'], { error: 'must be live or attack' }).optional(),
  })
  .catchall(scoreFiles);

const schema = z.strictObject({
  name: name().optional(),
  title: z.string().min(1).optional(),
  synth: z
    .strictObject({
      subjects: z.int().min(1),
      frames: z.int().min(1),
      size: z.int().min(32),
      seed: z.int().min(0).default(0),
    })
    .optional(),
  config: z.string().min(1).optional(),
  settings: settings().default({}),
  protocols: z.array(z.string()).min(1),
  seeds: z.array(z.int().min(0).max(0xffffffff)).min(1).default([0]),
  variants: z.record(name(), settings()).refine(atLeastOne, 'must name at least one variant').optional(),
  grid: z.record(z.string(), z.array(scalar).min(1)).default({}),
  external: z.record(name(), external).default({}),
  evaluate: z
    .strictObject({
      checkpoint: z.enum(['last', 'best']).default('last'),
      convention: z.enum(['honest', 'paper']).default('honest'),
    })
    .prefault({}),
  report: z
    .strictObject({
      level: z.enum(['video', 'frame']).default('video'),
      thresholds: z.array(z.enum(thresholdNames)).min(1).default(['source-dev-eer', 'target-eer']),
      metrics: z.array(z.enum(metricNames)).min(1).default(['hter', 'auc']),
      published: z.boolean().default(true),
    })
    .prefault({}),
  slurm: z
    .strictObject({
      partition: z.string().min(1).optional(),
      account: z.string().min(1).optional(),
      qos: z.string().min(1).optional(),
      time: z.string().min(1).optional(),
      memory: z.string().min(1).optional(),
      cpus: z.int().min(1).default(1),
      gpus: z.int().min(0).default(0),
      /** `false`: ask for `gpus` by `--gpus`, which some clusters want; a number or `gpu:TYPE:N`: the resource itself, in place of `gpus`. */
      gres: z.union([z.literal(false), z.int().min(0), z.string().min(1)]).optional(),
      grace: z.int().min(1).max(3600).default(120),
      options: z.array(z.string()).default([]),
    })
    .refine(asksOnce, 'asks for GPUs in more than one way: give one of gpus, gres and an option --gpus or --gres')
    .prefault({}),
});

function asksOnce({ gpus, gres, options }: { gpus: number; gres?: unknown; options: string[] }): boolean {
  const byOption = options.some((option) => /^--(?:gpus|gres)\b/.test(option));
  return [gpus > 0, Boolean(gres), byOption].filter(Boolean).length < 2;
}

type StudyDocument = z.output<typeof schema>;

/** Score files of one protocol, a pair a seed: on the target, and on the sources' development subjects where there are any. */
export interface ExternalScores {
  protocol: Protocol;
  files: readonly (readonly [target: string, development?: string])[];
}

/** What a study names of others: files, or a model that is evaluated under each of its protocols. */
export type External = { name: string } & (
  | { scores: readonly ExternalScores[]; options: ScoreFileOptions; model?: undefined }
  | { model: string; card: string | undefined }
);

export interface Study extends Pick<StudyDocument, 'synth' | 'seeds' | 'grid' | 'evaluate' | 'report' | 'slurm'> {
  file: string;
  name: string;
  title: string;
  settings: object;
  /** The settings of the configuration file that all runs start from. */
  base: object;
  columns: readonly ProtocolColumn[];
  variants: Readonly<Record<string, object>>;
  /** Results of others that stand beside the runs; paths are resolved. */
  external: readonly External[];
}

/** @throws UserError that names the file and the line */
export async function readStudy(file: string): Promise<Study> {
  const yaml = await readYamlFile(file, 'the study');
  const document = checkedYaml(schema, yaml, file, 'the study');
  const where = (path: readonly PropertyKey[]) => `, in ${file} line ${yaml.lineOf(path)}`;
  const { config, variants = { default: {} }, protocols, external, ...rest } = document;
  const base = config === undefined ? undefined : await readSettings(resolve(dirname(file), config));
  if (base !== undefined) await checkPart(base);
  const parts = new Parts(dirname(file), where);
  const settings = await parts.checked(rest.settings, ['settings'], [base?.values]);
  const changes: Record<string, object> = {};
  for (const [variant, value] of Object.entries(variants)) {
    changes[variant] = await parts.checked(value, ['variants', variant], [base?.values, settings]);
  }
  for (const [key, values] of Object.entries(rest.grid)) {
    for (const [i, value] of values.entries()) {
      for (const change of Object.values(changes)) {
        await parts.checked(nested(key, value), ['grid', key, i], [base?.values, settings, change]);
      }
    }
  }
  if (rest.seeds.length !== new Set(rest.seeds).size)
    throw new UserError(`seeds has one seed twice${where(['seeds'])}`);
  const fileName = basename(file, extname(file));
  const studyName = rest.name ?? fileName;
  if (!namePattern.test(studyName)) {
    throw new UserError(`${fileName} is no name for a study, ${file}`, 'give it one in the file: name: NAME');
  }
  const columns = columnsOf(protocols, where);
  return {
    ...rest,
    file,
    name: studyName,
    title: rest.title ?? studyName,
    settings,
    base: base?.values ?? {},
    columns,
    variants: changes,
    external: Object.entries(external).map(([each, value]) => externalOf(each, value, columns, dirname(file), where)),
  };
}

/** @throws UserError where it is neither a model nor score files, or both, or of a protocol that the study does not have */
function externalOf(
  name: string,
  { model, card, live_label: liveLabel, higher, ...protocols }: z.output<typeof external>,
  columns: readonly ProtocolColumn[],
  folder: string,
  where: (path: readonly PropertyKey[]) => string,
): External {
  const entries = Object.entries(protocols as Record<string, z.output<typeof scoreFiles>>);
  const refuse = (what: string, hint?: string) =>
    new UserError(`external.${name} ${what}${where(['external', name])}`, hint);
  const path = (file: string) => (isAbsolute(file) ? file : join(folder, file));
  if (model !== undefined) {
    const other = [
      ...entries.map(([key]) => key),
      ...(liveLabel === undefined ? [] : ['live_label']),
      ...(higher === undefined ? [] : ['higher']),
    ][0];
    if (other !== undefined)
      throw refuse(
        `has a model and ${other}`,
        'a model is evaluated under all protocols; give score files another name',
      );
    return { name, model: path(model), card: card === undefined ? undefined : path(card) };
  }
  if (card !== undefined) throw refuse('has a card and no model');
  if (entries.length === 0) throw refuse('names nothing', 'score files by protocol, or a model');
  const known = columns.flatMap((column) => column.protocols);
  const scores = entries.map(([text, files]) => {
    const wanted = parsedProtocol(text, where(['external', name, text]));
    const protocol = known.find((each) => each.name === wanted.name);
    if (protocol === undefined) {
      throw refuse(
        `has scores of ${wanted.name}, which is no protocol of the study`,
        `it has ${known.map((each) => each.name).join(', ')}`,
      );
    }
    const pairs = typeof files === 'string' ? [[files] as const] : isPairs(files) ? files : [files];
    const resolved = pairs.map(([target, development]) =>
      development === undefined ? ([path(target)] as const) : ([path(target), path(development)] as const),
    );
    return { protocol, files: resolved };
  });
  return { name, scores, options: { liveLabel, higher } };
}

function isPairs(files: readonly (string | readonly string[])[]): files is readonly (readonly [string, string])[] {
  return typeof files[0] !== 'string';
}

/** Checks parts of the configuration that stand in a study file. */
class Parts {
  constructor(
    private readonly folder: string,
    private readonly where: (path: readonly PropertyKey[]) => string,
  ) {}

  /**
   * The part at `path`, the path of a method's module made absolute.
   * @param below the settings that it changes: where it names no method, it is of theirs
   */
  async checked(part: object, path: readonly PropertyKey[], below: readonly (object | undefined)[]): Promise<object> {
    const values = withMethodFrom(part, this.folder);
    const named = below.findLast((each) => each !== undefined && 'method' in each) as { method: string } | undefined;
    const inPart = path[0] === 'grid' ? [] : undefined;
    const locate = (inner: readonly PropertyKey[]) => this.where([...path, ...(inPart ?? inner)]);
    const shared = named === undefined && !('method' in values);
    await checkPart({ values, locate, mine: false, shared }, named?.method);
    return values;
  }
}

const keptName = 'study.json';

/** Leaves the study, as it was read, in its folder, for who looks at the folder alone. */
export async function keepStudy(folder: string, study: Study): Promise<void> {
  await writeFileWhole(join(folder, keptName), `${JSON.stringify(study, null, 2)}\n`);
}

/** Undefined where there is none, or it is damaged. */
export async function readKeptStudy(folder: string): Promise<Study | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, keptName), 'utf8')) as Study;
  } catch {
    return undefined;
  }
}

/** `model.conv.kind` and a value as settings. */
export function nested(key: string, value: unknown): object {
  return key.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as object;
}
