/** `ldc export` */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { UserError } from '../base/errors.js';
import { evenly } from '../base/evenly.js';
import { parseProtocol } from '../config/protocol.js';
import { originOf, writeHubCard } from '../report/hubCard.js';
import { targetFrames } from '../run/evaluation/evaluateRun.js';
import { openExperiment } from '../run/experiment.js';
import { type Exported, exportModel, scoreTolerance } from '../run/models/export.js';
import type { WeightsInUse } from '../run/models/openModel.js';
import { imagesAt } from '../run/models/shots.js';
import type { Progress } from '../run/progress.js';
import { defaultData, defaultOut, withMethodOption, withRunDataOption } from './experimentOptions.js';
import { type WeightsOptions, weightsOf, withWeightsOptions } from './modelOptions.js';
import { fraction } from './numbers.js';
import { type CommonOptions, printResult, progressFor, repeated, withCommonOptions } from './output.js';

/** Frames of the run's data that a model is checked with. */
const checkedFrames = 8;

interface ExportFlags extends CommonOptions, Omit<WeightsOptions, 'out' | 'device' | 'precision'> {
  out?: string;
  data?: string;
  check?: string[];
  feature?: boolean;
  fp16?: boolean;
  threshold?: number;
  protocol?: string;
}

export function exportCommand(): Command {
  const command = new Command('export')
    .description(
      'write a network as ONNX, descriptors and batch norm folded into plain convolutions, checked by onnxruntime',
    )
    .option('--run <dir>', `run to export (default: the newest in ${defaultOut})`)
    .option('--out <file>', 'ONNX file to write (default: model.onnx in the run, else named after the weights)')
    .option('--threads <n>', 'threads of the check')
    .option('--feature', 'also give the feature [N,512], as a fourth output')
    .option('--fp16', 'convolutions in float16; what that loses is measured and printed')
    .option('--check <path>', 'images to check with (default: frames of the run); may be repeated', repeated)
    .option('--threshold <t>', 'with --weights: threshold of the model, 0.5 unless told', fraction)
    .option('--protocol <expression>', 'with --weights: protocol that they were trained for');
  withCommonOptions(withMethodOption(withWeightsOptions(withRunDataOption(command))));
  command.addHelpText('after', "\nExample:\n  ldc export --run 'runs/O&C&I-to-M/ldc-seed0' --out ldcnet.onnx");
  return command.action(async (flags: ExportFlags) => {
    if (flags.weights === undefined && (flags.threshold ?? flags.protocol) !== undefined) {
      throw new UserError('--threshold and --protocol need --weights: a run has its own');
    }
    const progress = progressFor(flags);
    const weights = await weightsOf({ ...flags, out: defaultOut, device: 'cpu' }, flags.threshold);
    if (flags.protocol !== undefined) weights.protocol = parseProtocol(flags.protocol).name;
    const path = outputOf(flags, weights);
    const images =
      flags.check === undefined
        ? await framesOf(flags, weights, progress)
        : await imagesAt(flags.check, (text) => progress.note(text));
    const { feature = false, fp16: half = false } = flags;
    const exported = await exportModel(weights, path, { feature, half, images, progress });
    const readme = await writeHubCard(exported, await originOf(weights.path));
    if (readme === null)
      progress.note('README.md beside the model is not one that ldc wrote, or was changed; it stays as it is');
    printResult(flags, { ...exported, readme, threshold: weights.threshold }, () =>
      exportText(exported, weights, readme),
    );
  });
}

function outputOf(flags: ExportFlags, { path }: WeightsInUse): string {
  const named = `${basename(path).replace(/\.\w+$/, '')}.onnx`;
  const output = flags.out ?? (flags.weights === undefined ? join(path, 'model.onnx') : named);
  if (!output.endsWith('.onnx')) throw new UserError(`--out ${output} does not end in .onnx`);
  return output;
}

/** A few target frames of the run, where its data are still there. */
async function framesOf(
  flags: ExportFlags,
  { config, protocol, dataFolder }: WeightsInUse,
  progress: Progress,
): Promise<string[]> {
  if (flags.weights !== undefined) return [];
  const none = `checked with random images only; name real ones: --data DIR, or --check PATH`;
  const data = flags.data ?? dataFolder ?? defaultData;
  if (!existsSync(data)) {
    progress.note(`there are no data in ${data}: ${none}`);
    return [];
  }
  const experiment = await openExperiment(parseProtocol(protocol!), config, data);
  return evenly(targetFrames(experiment), checkedFrames).map((frame) => frame.path);
}

function exportText(
  { model, bytes, card, check }: Exported,
  { threshold }: WeightsInUse,
  readme: string | null,
): string {
  const { random, real } = check.images;
  const size = card.preprocessing.size;
  const limit = card.precision === 'float32' ? ` (allowed: ${scoreTolerance})` : '';
  const lost = card.precision === 'float32' ? '' : ', what float16 loses';
  return [
    `${model}: ${(bytes / 2 ** 20).toFixed(1)} MiB, ${card.precision}, opset 17, image [N,3,${size},${size}]`,
    `onnxruntime against the engine, ${random} random and ${real} real images${lost}:`,
    `  score ${check.score.toExponential(1)} at most${limit}, ` +
      (check.map === null ? '' : `maps ${check.map.toExponential(1)} of 255, `) +
      `${check.decisions} decided otherwise`,
    `threshold ${threshold.frame.toPrecision(4)} for images, ${threshold.video.toPrecision(4)} for videos (${threshold.name})`,
    `card: ${model.replace(/\.onnx$/, '.json')}${readme === null ? '' : `, and for model hubs ${readme}`}`,
    ...(card.synthetic ? ['SYNTHETIC: this network was trained on drawn faces; it means nothing on real ones.'] : []),
  ].join('\n');
}
