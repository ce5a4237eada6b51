/** `ldc predict` */
import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { makeFolder, writeFileWhole } from '../base/files.js';
import { overlayPng } from '../run/overlay.js';
import { overlayName, predict } from '../run/predict.js';
import { withDeviceOptions, withOutOption } from './experimentOptions.js';
import { type ModelOptions, modelOf, withModelOptions, withWeightsOptions } from './modelOptions.js';
import { type CommonOptions, printResult, progressFor, withCommonOptions } from './output.js';

interface PredictFlags extends CommonOptions, ModelOptions {
  csv?: string;
  overlay?: string;
}

export function predictCommand(): Command {
  const command = new Command('predict')
    .description(
      'score images, or all images of folders, and decide at the threshold of the model; faces must be cropped',
    )
    .argument('<path...>', 'images and folders')
    .option('--run <dir>', 'run to use (default: the newest)')
    .option('--csv <file>', 'also write the results as CSV')
    .option('--overlay <dir>', 'also draw the live and spoof maps over each image');
  withCommonOptions(withDeviceOptions(withOutOption(withWeightsOptions(withModelOptions(command)))));
  command.addHelpText('after', "\nExample:\n  ldc predict --run 'runs/O&C&I-to-M/ldc-seed0' faces/ --csv scores.csv");
  return command.action(async (paths: string[], flags: PredictFlags) => {
    const model = await modelOf(flags);
    const predictions: { path: string; score: number; decision: string }[] = [];
    try {
      if (flags.overlay !== undefined) await makeFolder(flags.overlay);
      for await (const each of predict(model, paths, progressFor(flags))) {
        predictions.push({ path: each.path, score: each.score, decision: each.decision });
        if (flags.overlay !== undefined) {
          const layers = [each.liveMap, each.spoofMap].map((values) => ({ values, size: model.mapSize }));
          const number = String(predictions.length).padStart(4, '0');
          await writeFileWhole(
            join(flags.overlay, `${number}-${overlayName(each.path)}`),
            await overlayPng(each.pixels, model.imageSize, layers),
          );
        }
      }
    } finally {
      await model.release();
    }
    if (flags.csv !== undefined) {
      await writeFileWhole(flags.csv, stringify(predictions, { header: true, escape_formulas: true }));
    }
    const { path, checkpoint, engine, synthetic } = model;
    const threshold = { name: model.threshold.name, value: model.threshold.frame };
    const source = flags.model === undefined && flags.weights === undefined ? { run: path } : { model: path };
    printResult(flags, { ...source, checkpoint, engine, threshold, synthetic, predictions }, () =>
      [
        ...predictions.map(({ path, score, decision }) => `${decision.padEnd(5)}  ${score.toFixed(4)}  ${path}`),
        `threshold ${threshold.value.toPrecision(4)} (${threshold.name}), ${checkpoint ? `${checkpoint} of ` : ''}${path}`,
        ...(synthetic
          ? ['SYNTHETIC: this network was trained on drawn faces; its decisions on real ones mean nothing.']
          : []),
      ].join('\n'),
    );
  });
}
