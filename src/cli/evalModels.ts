/** The part of `ldc eval` that goes beyond our engine and runs: --engine, --model and --weights. */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import type { Config } from '../config/schema.js';
import type { CorruptionKind } from '../data/corrupt.js';
import { LeftOut } from '../data/leftOut.js';
import type { Level } from '../evaluate/levels.js';
import { writeScores } from '../evaluate/scoreFile.js';
import { loadConfig } from '../run/configuration.js';
import { OnnxEngine } from '../run/engines.js';
import {
  evaluateExported,
  evaluateForeign,
  evaluateWeights,
  type ModelEvaluation,
} from '../run/evaluation/evaluateModel.js';
import { noteOnce, type Progress } from '../run/progress.js';
import { defaultData, overridesOf } from './experimentOptions.js';
import {
  exclusive,
  type ModelOptions,
  ofOurEngine,
  onnxModelOf,
  refuseForOnnx,
  refuseLoneCard,
  weightsOf,
  withModelOptions,
  withWeightsOptions,
} from './modelOptions.js';
import { type CommonOptions, progressFor } from './output.js';

export interface EvalModelFlags extends CommonOptions, Omit<ModelOptions, 'run'> {
  engine: 'native' | 'onnx';
  corrupt?: CorruptionKind[];
  level?: Level;
  protocol?: string;
  data?: string;
  allowMissing?: boolean;
  save?: string;
}

export function withEvalModelOptions(command: Command): Command {
  const engine = new Option('--engine <name>', 'onnx: the folded network in onnxruntime');
  command.addOption(engine.choices(['native', 'onnx']).default('native'));
  command.option('--save <dir>', 'also write the scores of --model or --weights there: target.csv, source-dev.csv');
  return withWeightsOptions(withModelOptions(command));
}

/** Flags that say something of runs, score files or our engine alone. */
const ofRunsOnly = ['run', 'scores', 'sourceScores', 'compare'];

/** Refuses flags that would do nothing for what is evaluated. */
export function refuseUnused(flags: EvalModelFlags & { convention: string; checkpoint: string; maps?: boolean }): void {
  const { model, weights, engine, provider } = flags;
  exclusive(flags, ['weights', 'model']);
  refuseLoneCard(flags);
  if (provider !== 'cpu' && engine === 'native' && model === undefined) {
    throw new UserError(`--provider ${provider} needs --engine onnx or --model`);
  }
  if (flags.config !== undefined && weights === undefined && model === undefined) {
    throw new UserError('--config needs --weights or --model: a run has its own');
  }
  const other = [engine === 'onnx' && 'engine onnx', model && 'model', weights && 'weights'].find(Boolean);
  if (flags.maps && other) {
    throw new UserError(
      `--maps compares with the activation network of a run, which our own engine alone computes: not with --${other}`,
      'name the run alone: --run DIR',
    );
  }
  if (model === undefined && weights === undefined) {
    if (flags.save !== undefined)
      throw new UserError('--save needs --model or --weights: a run keeps its scores itself');
    return;
  }
  for (const name of ofRunsOnly) exclusive(flags, [model === undefined ? 'weights' : 'model', name]);
  if (flags.convention === 'paper' || flags.checkpoint !== 'last') {
    throw new UserError('--convention and --checkpoint need a run: a model and weights are one checkpoint');
  }
}

/** onnxruntime where it is asked for, else the default. */
export function engineOf(flags: EvalModelFlags, config: Config): OnnxEngine | undefined {
  const { engine, provider } = flags;
  if (engine === 'onnx') refuseForOnnx(flags);
  return engine === 'onnx' ? new OnnxEngine(config, provider) : undefined;
}

/** Images that cannot be read are an error, unless --allow-missing says otherwise: a result over fewer images is another result. */
export function leftOutOf({ allowMissing }: EvalModelFlags, progress: Progress): LeftOut | undefined {
  return allowMissing ? new LeftOut(noteOnce(progress)) : undefined;
}

/** The evaluation of --model or --weights; undefined where neither is given. */
export async function evaluationOfModel(flags: EvalModelFlags): Promise<ModelEvaluation | undefined> {
  const { protocol, data = defaultData, corrupt, level } = flags;
  const progress = progressFor(flags);
  const options = { progress, leftOut: leftOutOf(flags, progress), corrupt, level };
  if (flags.weights !== undefined) {
    const weights = await weightsOf({ ...flags, run: undefined });
    return evaluateWeights(weights, protocol, data, options, engineOf(flags, weights.config));
  }
  if (flags.model === undefined) return undefined;
  const model = await onnxModelOf(flags.model, flags, ofOurEngine);
  try {
    if (model.foreign !== undefined) {
      return await evaluateForeign(model, protocol, data, await configOfData(flags), options);
    }
    for (const name of ['config', 'set', 'method']) exclusive(flags, ['model', name]);
    return await evaluateExported(model, protocol, data, options);
  } finally {
    await model.release();
  }
}

/** Score files as of a run, in a folder. */
export async function saveScores({ target, source }: ModelEvaluation, folder: string): Promise<void> {
  await writeScores(join(folder, 'target.csv'), target);
  if ('length' in source) await writeScores(join(folder, 'source-dev.csv'), source);
}

/** What of a configuration a model that ldc did not train leaves open: which data choose its threshold, and how they are read. */
async function configOfData(flags: EvalModelFlags): Promise<Config> {
  const ofTraining = flags.set?.find(
    (each) => !/^(?:data\.(?!image_size|normalize)|seed=|eval\.batch_size)/.test(each),
  );
  if (ofTraining !== undefined) {
    throw new UserError(
      `--set ${ofTraining} does nothing for a model that ldc did not train`,
      'its card says how it is fed',
    );
  }
  return loadConfig(flags.config, overridesOf({ set: flags.set, threads: flags.threads }));
}
