/** Flags that name a network to use: a run, a file of weights, or an exported model. */
import { type Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { type Provider, providers } from '../onnxruntime/provider.js';
import { loadConfig } from '../run/configuration.js';
import { type OnnxModelInUse, openOnnx } from '../run/models/foreignModel.js';
import { fileWeights, type OpenModel, openOnEngine, runWeights, type WeightsInUse } from '../run/models/openModel.js';
import { newestRun, openRun } from '../run/runFolder.js';
import { type DeviceOptions, overridesOf } from './experimentOptions.js';
import { type CommonOptions, progressFor, repeated } from './output.js';

export interface WeightsOptions extends DeviceOptions, Pick<CommonOptions, 'quiet'> {
  out: string;
  run?: string;
  weights?: string;
  config?: string;
  set?: string[];
}

export interface ModelOptions extends WeightsOptions {
  model?: string;
  card?: string;
  provider: Provider;
}

/** --weights, and what changes the configuration of a run or of weights. */
export function withWeightsOptions(command: Command): Command {
  return command
    .option('--weights <file>', 'weights without a run: safetensors, or a PyTorch checkpoint such as LDCNet-100.tar')
    .option('--config <file>', 'YAML configuration that the weights work under (default: their own, else the paper)')
    .option('--set <key=value>', 'overrides one key of the configuration; may be repeated', repeated);
}

/** --model and what onnxruntime computes it on. */
export function withModelOptions(command: Command): Command {
  return command
    .option('--model <file>', 'ONNX model, run by onnxruntime: of ldc export, or any other with a card')
    .option('--card <file>', 'card of a model that ldc did not export (default: NAME.card.yaml beside NAME.onnx)')
    .addOption(new Option('--provider <name>', 'what onnxruntime computes on').choices(providers).default('cpu'));
}

/** At most one of these flags may be given. */
export function exclusive(flags: object, names: readonly string[]): void {
  const [first, second] = names.filter((name) => (flags as Record<string, unknown>)[name] !== undefined);
  if (second !== undefined) throw new UserError(`${flagOf(first!)} and ${flagOf(second)} exclude each other`);
}

/** How a flag is typed: `--source-scores` for commander's `sourceScores`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The weights that --weights names, else those of the run: --run, or the newest. They decide at `threshold` where no evaluation says. */
export async function weightsOf(flags: WeightsOptions, threshold?: number): Promise<WeightsInUse> {
  exclusive(flags, ['run', 'weights']);
  const overrides = overridesOf(flags);
  if (flags.weights !== undefined) {
    const configure = (own: string[]) => loadConfig(flags.config, [...own, ...overrides]);
    return fileWeights(flags.weights, configure, threshold, (text) => progressFor(flags).note(text));
  }
  if (flags.config !== undefined) throw new UserError('--config needs --weights: a run has a configuration of its own');
  const run = await openRun(flags.run ?? (await newestRun(flags.out)), overrides);
  if (run.notice) progressFor(flags).note(run.notice);
  return runWeights(run);
}

/** The network that --model, --weights or --run names; with none of them, the newest run. */
export async function modelOf(flags: ModelOptions): Promise<OpenModel> {
  exclusive(flags, ['run', 'weights', 'model']);
  refuseLoneCard(flags);
  if (flags.model !== undefined) return onnxModelOf(flags.model, flags, ['config', 'set', 'method', ...ofOurEngine]);
  if (flags.provider !== 'cpu') throw new UserError(`--provider ${flags.provider} needs --model`);
  return openOnEngine(await weightsOf(flags));
}

/** Flags that choose what our own engine computes on. */
export const ofOurEngine = ['device', 'precision'];

/** The model of --model, which has its settings in itself or in its card. @param refused flags that would do nothing */
export async function onnxModelOf(
  path: string,
  flags: Omit<ModelOptions, 'run'>,
  refused: readonly string[],
): Promise<OnnxModelInUse> {
  refuseForOnnx(flags);
  for (const other of refused) exclusive(flags, ['model', other]);
  const { threads } = await loadConfig(undefined, overridesOf({ threads: flags.threads }));
  return openOnnx(path, { card: flags.card, provider: flags.provider, threads });
}

/** What only our own engine can be told. */
export function refuseForOnnx({ precision }: DeviceOptions): void {
  if (precision === undefined) return;
  throw new UserError(
    `--precision ${precision} is for our own engine: onnxruntime computes in what the model is written in`,
    'leave --precision out',
  );
}

/** A card describes a model. */
export function refuseLoneCard({ card, model }: Pick<ModelOptions, 'card' | 'model'>): void {
  if (card !== undefined && model === undefined) throw new UserError('--card needs --model: it describes a model');
}
