/** Run directories: `OUT/PROTOCOL/NAME/`, where everything a run makes has its place. */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { messageOf, UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { type Protocol, parseProtocol, protocolFolder } from '../config/protocol.js';
import type { Config } from '../config/schema.js';
import { loadRunConfig, modulePath } from './configuration.js';
import { moduleHash } from './ownMethod.js';

export class RunFolder {
  readonly config: string;
  readonly facts: string;
  readonly metrics: string;
  readonly checkpoints: string;
  readonly evaluation: string;
  /** The threshold of `ldc calibrate`, and of which checkpoint. */
  readonly calibration: string;
  readonly corruptions: string;
  readonly mapOverlap: string;
  readonly report: string;
  /** What of --weights was loaded, left and ignored, by name. */
  readonly weights: string;
  /** How the last training ended (ending.ts). */
  readonly ending: string;

  constructor(readonly path: string) {
    this.config = join(path, 'config.yaml');
    this.facts = join(path, 'run.json');
    this.metrics = join(path, 'metrics.jsonl');
    this.checkpoints = join(path, 'checkpoints');
    this.evaluation = join(path, 'eval.json');
    this.calibration = join(path, 'calibration.json');
    this.corruptions = join(path, 'corruptions.json');
    this.mapOverlap = join(path, 'map-overlap.json');
    this.report = join(path, 'report.html');
    this.weights = join(path, 'weights.json');
    this.ending = join(path, 'ending.json');
  }

  /** Scores of one checkpoint on the target, perhaps a corrupted one, or on the sources' development split. */
  scores(checkpoint: string, side: 'target' | 'source-dev' | `target-${string}`, engine: string): string {
    return join(this.path, 'scores', `${checkpoint}-${side}${engine === 'native' ? '' : `-${engine}`}.csv`);
  }

  get name(): string {
    return basename(this.path);
  }
}

/** run.json: where a run comes from. */
export interface RunFacts {
  version: string;
  /** The method and which variant of it; a run that does not say is LDCNet's. */
  method: string;
  variant: string | null;
  /** Of a method of the user's own: SHA-256 of its module. */
  module?: string;
  protocol: string;
  device: string;
  threads: number;
  seed: number;
  /** By domain letter; `trained` are the people of a target of a few-shot protocol. */
  data: Record<
    string,
    { name: string; hash: string; subset: string; attackTypes: readonly string[] | null; trained?: readonly string[] }
  >;
  /** Folder of the crop sets, relative to the run; runs from before it was kept do not say. */
  data_folder?: string;
  synthetic: boolean;
  /** Folder of the teacher and its maps, relative to the run; null for a method without. */
  stage1: string | null;
  /** What the teacher and its maps were computed in, which may be another precision than the run's own. */
  stage1Precision: string | null;
  started: string;
  seconds: number;
  /** Epochs done, and whether the run reached the last one. */
  epochs: number;
  finished: boolean;
}

/** Where everything of a run is: `out/PROTOCOL/NAME`. Nothing is made yet. */
export function runFolder(out: string, protocol: Protocol, name: string): RunFolder {
  if (!/^[\w.+-]+$/.test(name) || name.startsWith('.')) {
    throw new UserError(
      `--name ${JSON.stringify(name)} is not a folder name`,
      'use letters, digits, ".", "_", "+" and "-"',
    );
  }
  return new RunFolder(join(out, protocolFolder(protocol), name));
}

/** Replaces run.json, whole. */
export async function writeFacts(folder: RunFolder, facts: RunFacts): Promise<void> {
  await writeFileWhole(folder.facts, `${JSON.stringify(facts, null, 2)}\n`);
}

/** The folder of the crop sets that a run was made from, where it says. */
export function ownData({ path }: RunFolder, { data_folder: own }: RunFacts): string | undefined {
  return own === undefined ? undefined : join(path, own);
}

/** What is used of run.json; the rest is for people. */
const usedFacts = z.looseObject({
  protocol: z.string(),
  synthetic: z.boolean(),
  stage1: z.string().nullable(),
  method: z.string().default('ldcnet'),
  variant: z.string().nullable().default(null),
  module: z.string().optional(),
  data: z.record(z.string(), z.unknown()),
  data_folder: z.string().optional(),
  seconds: z.number(),
  epochs: z.number(),
  finished: z.boolean(),
});

/** @throws UserError when run.json is not what `writeFacts` writes */
export async function readFacts(folder: RunFolder): Promise<RunFacts> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(folder.facts, 'utf8'));
  } catch (error) {
    throw new UserError(`${folder.facts} cannot be read: ${messageOf(error)}`);
  }
  const parsed = usedFacts.safeParse(content);
  if (parsed.success) return parsed.data as unknown as RunFacts;
  throw new UserError(
    `${folder.facts} is damaged: ${parsed.error.issues[0]!.path.join('.') || 'its content'} is wrong`,
  );
}

/** Says so where the user's own method is not the code that the run was trained with; else undefined. */
export async function moduleNotice(config: Config, { module }: RunFacts): Promise<string | undefined> {
  const path = modulePath(config);
  if (path === null || module === undefined || (await moduleHash(path)) === module) return undefined;
  return `the method ${path} is not the code that the run was trained with (its SHA-256 in run.json differs)`;
}

/**
 * A finished or interrupted run with its configuration, and what the user should know of it.
 * @param overrides of the configuration, `key=value`
 * @throws UserError when the folder is none
 */
export async function openRun(
  path: string,
  overrides: readonly string[] = [],
): Promise<{ folder: RunFolder; facts: RunFacts; config: Config; protocol: Protocol; notice?: string | undefined }> {
  const folder = new RunFolder(path);
  if (!existsSync(folder.facts)) {
    throw new UserError(`${path} is not a run: it has no run.json`, 'ldc train makes runs; name one with --run DIR');
  }
  const facts = await readFacts(folder);
  const config = await loadRunConfig(folder.config, overrides);
  return { folder, facts, config, protocol: parseProtocol(facts.protocol), notice: await moduleNotice(config, facts) };
}

/** The run whose run.json changed last, among those of `protocol` when one is given. */
export async function newestRun(out: string, protocol?: Protocol): Promise<string> {
  const candidates: { path: string; time: number }[] = [];
  for (const folder of protocol === undefined ? await subfolders(out) : [join(out, protocolFolder(protocol))]) {
    for (const path of await subfolders(folder)) {
      const facts = join(path, 'run.json');
      if (existsSync(facts)) candidates.push({ path, time: (await stat(facts)).mtimeMs });
    }
  }
  const newest = candidates.sort((a, b) => b.time - a.time)[0];
  if (newest === undefined) {
    const what = protocol === undefined ? '' : ` of ${protocol.name}`;
    const hint = `train one: ldc train --protocol '${protocol?.name ?? 'O&C&I-to-M'}'`;
    throw new UserError(`there is no run${what} in ${out}`, hint);
  }
  return newest.path;
}

async function subfolders(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
}
