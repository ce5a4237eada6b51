/** `ldc predict` */
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { UserError } from '../base/errors.js';
import { makeFolder, writeFileWhole } from '../base/files.js';
import { LeftOut } from '../data/leftOut.js';
import { pictureStem } from '../data/pictures.js';
import { type MapLayer, overlayPng } from '../run/maps/overlay.js';
import type { OpenModel } from '../run/models/openModel.js';
import { type Prediction, predict } from '../run/models/predict.js';
import { isVideo } from '../run/models/shots.js';
import type { Progress } from '../run/progress.js';
import { thresholdText } from '../run/threshold.js';
import { withDeviceOptions, withOutOption } from './experimentOptions.js';
import { type ModelOptions, modelOf, withModelOptions, withWeightsOptions } from './modelOptions.js';
import { wholeNumber } from './numbers.js';
import { type CommonOptions, printResult, progressFor, withCommonOptions } from './output.js';

interface PredictFlags extends CommonOptions, ModelOptions {
  frames: number;
  detect?: boolean;
  ffmpeg?: string;
  csv?: string;
  overlay?: string;
  strict?: boolean;
}

export function predictCommand(): Command {
  const command = new Command('predict')
    .description(
      'score images and videos, or all that folders hold, and decide at the threshold of the model; faces must be cropped, or --detect does it',
    )
    .argument('<path...>', 'images, videos and folders')
    .option('--run <dir>', 'run to use (default: the newest)')
    .option('--frames <n>', 'frames of each video, evenly spread; its score is their mean', wholeNumber(1), 8)
    .option('--detect', 'find the face in each picture and crop it as ldc prepare does')
    .option('--ffmpeg <path>', 'ffmpeg to use for videos, with ffprobe beside it; otherwise those of the system')
    .option('--csv <file>', 'also write the results as CSV')
    .option('--overlay <dir>', 'also draw the live and spoof maps over each image, or the middle frame of a video')
    .option('--strict', 'end with status 2 at the first file that cannot be read, which is otherwise left out');
  withCommonOptions(withDeviceOptions(withOutOption(withWeightsOptions(withModelOptions(command)))));
  command.addHelpText('after', "\nExample:\n  ldc predict --run 'runs/O&C&I-to-M/ldc-seed0' faces/ --csv scores.csv");
  return command.action(async (paths: string[], flags: PredictFlags) => {
    const model = await modelOf(flags);
    const progress = progressFor(flags);
    const leftOut = new LeftOut((text) => progress.note(text), flags.strict);
    const predictions = await predictionsOf(model, paths, flags, progress, leftOut).finally(() => model.release());
    const { path, checkpoint, engine, foreign, synthetic } = model;
    const { name, frame, video, from } = model.threshold;
    const threshold = { name, value: frame, video, ...(from && { from }) };
    const videos = predictions.filter(({ path }) => isVideo(path)).length;
    const thresholds = [
      ...(videos < predictions.length ? [frame.toPrecision(4)] : []),
      ...(videos > 0 ? [`${video.toPrecision(4)} for videos`] : []),
    ].join(', ');
    const source = {
      ...(flags.model === undefined && flags.weights === undefined ? { run: path } : { model: path }),
      ...(foreign !== undefined && { name: foreign }),
    };
    printResult(
      flags,
      { ...source, checkpoint, engine, threshold, synthetic, predictions, left_out: leftOut.files },
      () =>
        [
          ...predictions.map(
            ({ path, score, decision, frames }) =>
              `${decision.padEnd(5)}  ${score.toFixed(4)}  ${path}${isVideo(path) ? ` (mean of ${frames} frames)` : ''}`,
          ),
          `threshold ${thresholds} (${thresholdText(model.threshold)}), ${checkpoint ? `${checkpoint} of ` : ''}${path}`,
          ...(foreign === undefined ? [] : [`engine ${engine}, model ${foreign}`]),
          ...(synthetic
            ? ['SYNTHETIC: this network was trained on drawn faces; its decisions on real ones mean nothing.']
            : []),
          ...(from?.synthetic
            ? ['SYNTHETIC: the threshold was chosen on drawn faces; it means nothing for real ones.']
            : []),
        ].join('\n'),
    );
    // Behind the results: a file that cannot be written loses nothing.
    if (flags.csv !== undefined) {
      await writeFileWhole(flags.csv, stringify(predictions, { header: true, escape_formulas: true }));
    }
    leftOut.close();
  });
}

type Row = Pick<Prediction, 'path' | 'score' | 'decision' | 'frames'>;

/** Predicts all, and draws each where `--overlay` says so. */
async function predictionsOf(
  model: OpenModel,
  paths: readonly string[],
  flags: PredictFlags,
  progress: Progress,
  leftOut: LeftOut,
): Promise<Row[]> {
  const predictions: Row[] = [];
  if (flags.overlay !== undefined) {
    if (model.mapSize === null) throw new UserError(`--overlay draws maps, and ${model.path} makes none`);
    await makeFolder(flags.overlay);
  }
  for await (const each of predict(model, paths, flags, progress, leftOut)) {
    const { path, score, decision, frames } = each;
    predictions.push({ path, score, decision, frames });
    if (flags.overlay === undefined) continue;
    const layers = layersOf(each, model);
    const number = String(predictions.length).padStart(4, '0');
    await writeFileWhole(
      join(flags.overlay, `${number}-${pictureStem(basename(path))}-maps.png`),
      await overlayPng(each.pixels, model.imageSize, layers),
    );
  }
  return predictions;
}

function layersOf({ liveMap, spoofMap }: Prediction, { mapSize }: OpenModel): MapLayer[] {
  return [liveMap, spoofMap].flatMap((values) => (values && mapSize !== null ? [{ values, size: mapSize }] : []));
}
