/** What a study has to do: the stages that its runs share, the runs, and the `ldc` commands that do them. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { configToYaml, differingKeys } from '../config/schema.js';
import { loadEarlier, methodOf, modulePath } from '../run/configuration.js';
import { drawSets } from '../run/demo/drawSets.js';
import { dataFacts, type Experiment, openExperiment } from '../run/experiment.js';
import { stage1Folder } from '../run/maps/teacher.js';
import type { Progress } from '../run/progress.js';
import type { RunFacts } from '../run/runFolder.js';
import { configsOf, expand, type StudyFolder, type StudyRun, studyFolder, taskId } from './expand.js';
import { type ExternalModelTask, externalModelTasks } from './external.js';
import { keepStudy, type Study } from './studyFile.js';

/** One call of `ldc`; `stdout` is a file that its output becomes, whole or not at all. */
export interface Command {
  args: readonly string[];
  stdout?: string;
}

/** A unit of work that a backend starts as one process or one job. */
export interface Task {
  id: string;
  /** The folder that it works in, which one process may do at a time. */
  folder: string;
  commands: readonly Command[];
  /** A stage that runs share, as opposed to a run. */
  stage: boolean;
  /** Id of the stage that must be there first. */
  needs: string | null;
  /** A file that is there when the task is done. */
  done: string;
  /** Threads are not settled by the configuration: the backend gives it as many as it has. */
  threadsFree: boolean;
  /** Its device may be a GPU, by the configuration. */
  mayUseGpu: boolean;
}

export interface Plan {
  study: Study;
  runs: readonly StudyRun[];
  folder: StudyFolder;
  /** Stages before the runs that need them. */
  tasks: readonly Task[];
}

export interface Places {
  data: string;
  out: string;
}

/**
 * Looks at the data, writes the configurations, and lays out the tasks.
 * @throws UserError when data are missing, or the study file was changed since runs of it were made
 */
export async function planStudy(study: Study, { data, out }: Places): Promise<Plan> {
  const folder = studyFolder(study, out);
  const runs = expand(study, out);
  await writeConfigs(study, folder);
  await keepStudy(folder.path, study);
  const tasks = new Map<string, Task>();
  const opened = new Map<string, Experiment>();
  for (const run of runs) {
    const key = JSON.stringify([
      run.protocol.name,
      run.seed,
      run.config.data.dev_fraction,
      run.config.data.development,
    ]);
    const known = opened.get(key) ?? (await openExperiment(run.protocol, run.config, data));
    opened.set(key, known);
    const experiment = { ...known, config: run.config };
    await checkData(run, experiment, data);
    const hasTeacher = methodOf(run.config).teacher !== undefined;
    const stage = hasTeacher ? stageTask(run, stage1Folder(experiment, out), folder, { data, out }) : undefined;
    if (stage !== undefined && !tasks.has(stage.id)) tasks.set(stage.id, stage);
    tasks.set(run.id, runTask(study, run, stage?.id ?? null, folder, { data, out }));
  }
  const others = await externalModelTasks(study, folder);
  return {
    study,
    runs,
    folder,
    tasks: [...tasks.values(), ...others.map((each) => externalTask(study, each, folder, data))],
  };
}

/** The study's own data, drawn if they are not there yet; else those that `data` names. */
export async function dataOf(
  study: Study,
  { data, out }: Places,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  if (study.synth === undefined) return data;
  const folder = studyFolder(study, out).data;
  if (existsSync(folder) && (await readdir(folder)).length > 0 && !(await wasDrawnOtherwise(study, folder)))
    return folder;
  await drawSets({ ...study.synth, out: folder, signal }, progress);
  return folder;
}

/** Drawing again over data of another recipe is refused by `synthesise`; over the same it costs time only. */
async function wasDrawnOtherwise({ synth }: Study, folder: string): Promise<boolean> {
  for (const set of await readdir(folder)) {
    const { recipe } = JSON.parse(await readFile(`${folder}/${set}/dataset.json`, 'utf8')) as { recipe: object };
    if (!isDeepStrictEqual({ ...recipe, ...synth }, recipe)) return true;
  }
  return false;
}

function stageTask(run: StudyRun, path: string, folder: StudyFolder, { data, out }: Places): Task {
  const [hash] = path.split('stage1-').slice(-1);
  return {
    id: taskId(run.protocol, `stage1-${hash}`),
    folder: path,
    commands: [
      { args: ['cam', '--protocol', run.protocol.name, ...configFlags(run, folder), '--data', data, '--out', out] },
    ],
    stage: true,
    needs: null,
    done: `${path}/maps.safetensors`,
    threadsFree: run.config.threads === 'auto',
    mayUseGpu: run.config.device !== 'cpu',
  };
}

function runTask(
  { evaluate }: Study,
  run: StudyRun,
  needs: string | null,
  folder: StudyFolder,
  { data, out }: Places,
): Task {
  const places = ['--data', data, '--out', out];
  const train = ['train', '--protocol', run.protocol.name, ...configFlags(run, folder), ...places];
  const own = modulePath(run.config);
  const evaluation = [
    ...(own === null ? [] : ['--method', own]),
    '--checkpoint',
    evaluate.checkpoint,
    '--convention',
    evaluate.convention,
    '--json',
  ];
  return {
    id: run.id,
    folder: run.folder.path,
    commands: [
      { args: [...train, '--name', run.folder.name, '--resume'] },
      { args: ['eval', '--run', run.folder.path, '--data', data, ...evaluation], stdout: folder.result(run.id) },
    ],
    stage: false,
    needs,
    done: folder.result(run.id),
    threadsFree: run.config.threads === 'auto',
    mayUseGpu: run.config.device !== 'cpu',
  };
}

/** A model of others, its threshold from the development subjects of the first variant's configuration and seed; one of `ldc export` has its own. */
function externalTask(
  study: Study,
  { id, protocol, model, card, scores }: ExternalModelTask,
  folder: StudyFolder,
  data: string,
): Task {
  const [variant] = Object.keys(configsOf(study));
  const ofCard = ['--card', card!, '--config', folder.config(variant!), '--set', `seed=${study.seeds[0]}`];
  const named = ['--model', model, ...(card === undefined ? [] : ofCard)];
  const args = ['eval', ...named, '--protocol', protocol.name, '--data', data, '--save', scores, '--json'];
  return {
    ...{ id, folder: scores, commands: [{ args, stdout: folder.result(id) }] },
    ...{ stage: false, needs: null, done: folder.result(id), threadsFree: false, mayUseGpu: false },
  };
}

function configFlags(run: StudyRun, folder: StudyFolder): string[] {
  return ['--config', folder.config(run.variant), '--seed', String(run.seed)];
}

/** Writes the configuration of each variant. A variant that has results may not become another. */
async function writeConfigs(study: Study, folder: StudyFolder): Promise<void> {
  for (const [variant, config] of Object.entries(configsOf(study))) {
    const path = folder.config(variant);
    if (existsSync(path)) {
      const earlier = await loadEarlier(path, config);
      const changed = differingKeys(earlier, config).filter((key) => !free.test(key));
      if (changed.length > 0) {
        throw new UserError(
          `variant ${variant} of the study ${study.name} was run with another configuration (now ${changed.join('; ')}), ${path}`,
          `give the changed study another name, or remove ${folder.path} and the runs ${study.name}-*`,
        );
      }
      if (isDeepStrictEqual(earlier, config)) continue;
    }
    await writeFileWhole(path, configToYaml(config));
  }
}

/** What may change without a figure changing. */
const free = /^(?:threads|device|log\.tensorboard|data\.(?:workers|cache|follow)):/;

async function checkData(run: StudyRun, experiment: Experiment, data: string): Promise<void> {
  if (!existsSync(run.folder.facts)) return;
  const facts = JSON.parse(await readFile(run.folder.facts, 'utf8')) as RunFacts;
  if (isDeepStrictEqual(facts.data, JSON.parse(JSON.stringify(dataFacts(experiment))))) return;
  throw new UserError(
    `the run ${run.folder.path} was made from other data than those in ${data}`,
    'name the data it was made from with --data, or give the study another name',
  );
}
