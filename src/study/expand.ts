/** A study's grid laid out: protocols × seeds × variants, each with its name, its configuration and its place on the disk. */
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { mergeSettings } from '../config/merge.js';
import { type Protocol, protocolFolder } from '../config/protocol.js';
import type { Config } from '../config/schema.js';
import { configOfValues } from '../run/configuration.js';
import { type RunFolder, runFolder } from '../run/runFolder.js';
import { nested, type Study } from './studyFile.js';

export interface StudyRun {
  /** Unique in the study and fit for a file name: `O&C&I-to-M--ldc-seed0`. */
  id: string;
  protocol: Protocol;
  variant: string;
  seed: number;
  config: Config;
  folder: RunFolder;
}

/** Where a study keeps what is its own, beside the runs: `OUT/study-NAME/`. */
export class StudyFolder {
  readonly configs: string;
  readonly logs: string;
  readonly tasks: string;
  readonly results: string;
  readonly slurm: string;
  readonly data: string;
  /** Scores of models of others. */
  readonly external: string;

  /** @param evaluation which evaluation the results are of: another one is another set of results */
  constructor(
    readonly path: string,
    evaluation: string,
  ) {
    this.configs = join(path, 'configs');
    this.logs = join(path, 'logs');
    this.tasks = join(path, 'tasks');
    this.results = join(path, 'results', evaluation);
    this.slurm = join(path, 'slurm');
    this.data = join(path, 'data');
    this.external = join(path, 'external');
  }

  /** The configuration of a variant; the seed is a flag of each run. */
  config(variant: string): string {
    return join(this.configs, `${variant}.yaml`);
  }

  log(id: string): string {
    return join(this.logs, `${id}.log`);
  }

  /** What happened to a task last. */
  task(id: string): string {
    return join(this.tasks, `${id}.json`);
  }

  /** The evaluation of a run, as `ldc eval --json` prints it. */
  result(id: string): string {
    return join(this.results, `${id}.json`);
  }

  /** The report by its ending: md, csv, tex, html. */
  report(ending: string): string {
    return join(this.path, `report.${ending}`);
  }
}

/** The folder of a study below `out`, for its own way of evaluating. */
export function studyFolder(study: Study, out: string): StudyFolder {
  const { checkpoint, convention } = study.evaluate;
  return new StudyFolder(join(out, `study-${study.name}`), `${checkpoint}-${convention}`);
}

/** Every run, protocol by protocol, so that those which share an activation network stand together. */
export function expand(study: Study, out: string): StudyRun[] {
  const variants = Object.entries(configsOf(study));
  // Targets of one protocol are columns of their own, and one run.
  const protocols = new Map(study.columns.flatMap((column) => column.protocols).map((each) => [each.name, each]));
  return [...protocols.values()].flatMap((protocol) =>
    study.seeds.flatMap((seed) =>
      variants.map(([variant, config]) => {
        const name = `${variant}-seed${seed}`;
        const folder = runFolder(out, protocol, `${study.name}-${name}`);
        return { id: taskId(protocol, name), protocol, variant, seed, config: { ...config, seed }, folder };
      }),
    ),
  );
}

/** The complete configuration of each variant, grid points included: `ldc` × theta 0.3, 0.7 is `ldc-theta0.3`, `ldc-theta0.7`. */
export function configsOf(study: Study): Record<string, Config> {
  let points = Object.entries(study.variants).map(([variant, change]) => ({
    variant,
    settings: mergeSettings(mergeSettings(study.base, study.settings), change),
  }));
  for (const [key, values] of Object.entries(study.grid)) {
    points = points.flatMap(({ variant, settings }) =>
      values.map((value) => {
        const name = `${variant}-${key.slice(key.lastIndexOf('.') + 1)}${value}`;
        if (!/^[\w.+-]+$/.test(name)) {
          throw new UserError(
            `${JSON.stringify(value)} of grid.${key} cannot be part of a run's name, ${study.file}`,
            'make it a variant, which has a name of its own',
          );
        }
        return { variant: name, settings: mergeSettings(settings, nested(key, value)) };
      }),
    );
  }
  return Object.fromEntries(points.map(({ variant, settings }) => [variant, configOfValues(settings)]));
}

/** The id of a run, or of a shared stage, by its name within the protocol; fit for a file name. */
export function taskId(protocol: Protocol, name: string): string {
  return `${protocolFolder(protocol).replaceAll('/', '_')}--${name}`;
}
