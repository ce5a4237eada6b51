/** `ldc predict` */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import { checkpointNames } from '../run/checkpoint.js';
import { deviceOf } from '../run/experiment.js';
import { overlayPng } from '../run/overlay.js';
import { decisionThreshold, overlayName, predict } from '../run/predict.js';
import { newestRun, openRun } from '../run/runFolder.js';
import { withOutOption } from './experimentOptions.js';
import { type CommonOptions, printResult, progressFor, withCommonOptions } from './output.js';

interface PredictFlags extends CommonOptions {
  run?: string;
  out: string;
  csv?: string;
  overlay?: string;
}

export function predictCommand(): Command {
  const command = new Command('predict')
    .description(
      'score images, or all images of folders, and decide at the threshold of the run; faces must be cropped',
    )
    .argument('<path...>', 'images and folders')
    .option('--run <dir>', 'run to use (default: the newest)')
    .option('--csv <file>', 'also write the results as CSV')
    .option('--overlay <dir>', 'also draw the live and spoof maps over each image');
  withCommonOptions(withOutOption(command));
  command.addHelpText('after', "\nExample:\n  ldc predict --run 'runs/O&C&I-to-M/ldc-seed0' faces/ --csv scores.csv");
  return command.action(async (paths: string[], flags: PredictFlags) => {
    const run = await openRun(flags.run ?? (await newestRun(flags.out)));
    const { checkpoint, threshold } = await evaluated(run);
    const size = run.config.data.image_size;
    const mapSize = run.config.model.map_size;
    const predictions: { path: string; score: number; decision: string }[] = [];
    if (flags.overlay !== undefined) await mkdir(flags.overlay, { recursive: true });
    const progress = progressFor(flags);
    for await (const each of predict(run, deviceOf(run.config), checkpoint, threshold.value, paths, progress)) {
      predictions.push({ path: each.path, score: each.score, decision: each.decision });
      if (flags.overlay !== undefined) {
        const layers = [each.liveMap, each.spoofMap].map((values) => ({ values, size: mapSize }));
        const number = String(predictions.length).padStart(4, '0');
        await writeFileWhole(
          join(flags.overlay, `${number}-${overlayName(each.path)}`),
          await overlayPng(each.pixels, size, layers),
        );
      }
    }
    if (flags.csv !== undefined) {
      await writeFileWhole(flags.csv, stringify(predictions, { header: true, escape_formulas: true }));
    }
    const document = { run: run.folder.path, checkpoint, threshold, synthetic: run.facts.synthetic, predictions };
    printResult(flags, document, () =>
      [
        ...predictions.map(({ path, score, decision }) => `${decision.padEnd(5)}  ${score.toFixed(4)}  ${path}`),
        `threshold ${threshold.value.toPrecision(4)} (${threshold.name}), ${checkpoint} of ${run.folder.path}`,
        ...(run.facts.synthetic
          ? ['SYNTHETIC: this run was trained on drawn faces; its decisions on real ones mean nothing.']
          : []),
      ].join('\n'),
    );
  });
}

/** The checkpoint and threshold of the run's evaluation; without one, the last checkpoint at 0.5. */
async function evaluated({ folder }: Awaited<ReturnType<typeof openRun>>) {
  const last = (await checkpointNames(folder.checkpoints)).at(-1);
  if (last === undefined) throw new UserError(`${folder.path} has no checkpoint yet`, 'train it: ldc train … --resume');
  if (!existsSync(folder.evaluation)) return { checkpoint: last, threshold: decisionThreshold(undefined) };
  const evaluation = JSON.parse(await readFile(folder.evaluation, 'utf8')) as Evaluation;
  return {
    checkpoint: evaluation.checkpoint ?? last,
    threshold: decisionThreshold(evaluation.levels.frame.thresholds),
  };
}
