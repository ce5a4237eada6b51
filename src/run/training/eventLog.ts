/**
 * What TensorBoard shows of a run (`log.tensorboard`): one file of the training beside metrics.jsonl, cut as that is when the training goes
 * on, and one of the evaluation, which its next one replaces.
 */
import { appendFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { linesOf, writeFileWhole } from '../../base/files.js';
import { isSection } from '../../config/merge.js';
import { readImage } from '../../data/loader.js';
import type { Device } from '../../engine/device.js';
import { EngineScorer } from '../../evaluate/engineEvaluator.js';
import { type Evaluation, isKnown } from '../../evaluate/results.js';
import {
  eventRecord,
  fileVersion,
  type HyperParameter,
  hparamsEnd,
  hparamsStart,
  recordsOf,
  sessionStart,
  type TaggedValue,
} from '../../formats/tensorboard.js';
import { epochName, loadModel } from '../checkpoint.js';
import { methodOf } from '../configuration.js';
import { emptyNet, scoringNetwork } from '../engines.js';
import { developmentRates } from '../evaluation/evaluateRun.js';
import type { Experiment } from '../experiment.js';
import { someOfEachKind } from '../maps/features.js';
import { overlayPng } from '../maps/overlay.js';
import { kindOf } from '../maps/targetMaps.js';
import type { RunFolder } from '../runFolder.js';

/** TensorBoard reads the files of a folder in the order of their names, and goes on with the next when it has read one. */
const namePattern = /^events\.out\.tfevents\.(\d+)\.ldc-(train|eval)$/;
/** Side of a face in a picture of maps, and the most faces that are drawn. */
const mapsSide = 128;
const mostFaces = 4;

export class EventLog {
  private constructor(
    private readonly path: string,
    private readonly experiment: Experiment,
  ) {}

  /**
   * A new file with what an earlier one says of the first `steps` steps. A TensorBoard that is looking on finds it by its name and forgets
   * what it read of later steps.
   */
  static async open(folder: RunFolder, experiment: Experiment, steps: number): Promise<EventLog> {
    const earlier = (await eventFiles(folder)).filter(({ of }) => of === 'train');
    const path = nameFor(folder, 'train', earlier);
    const parts = [fileVersion(now()), sessionStart(now(), 0)];
    for (const { path: old } of steps > 0 ? earlier : []) {
      for (const { record, step } of recordsOf(await readFile(old))) {
        if (step > 0 && step <= steps) parts.push(record);
      }
    }
    const hparams = { protocol: experiment.protocol.name, ...flat(experiment.config) };
    parts.push(eventRecord({ wallTime: now(), step: 0, values: [{ tag: hparamsStart, hparams }] }));
    await writeFileWhole(path, Buffer.concat(parts));
    await remove(earlier);
    return new EventLog(path, experiment);
  }

  /** @param line of metrics.jsonl */
  step({ step, epoch: _, seconds: __, learning_rate: rate, images_per_s: speed, ...terms }: MetricsLine): void {
    const values = Object.entries({
      ...Object.fromEntries(Object.entries(terms).map(([term, value]) => [`loss/${term}`, value])),
      ...(rate !== undefined && { 'training/learning_rate': rate }),
      'training/images_per_s': speed,
    });
    this.append(
      step,
      values.map(([tag, scalar]) => ({ tag, scalar: scalar as number })),
    );
  }

  /**
   * After a checkpoint: rates on the development split, where this training has scored it to choose what is kept, and, after epochs 1, 2, 4,
   * 8 … and the last, the maps of a few of its faces.
   */
  async checkpoint(folder: RunFolder, device: Device, at: { epoch: number; step: number }) {
    const { experiment } = this;
    const { config } = experiment;
    const rates = await developmentRates(experiment, device, folder, epochName(at.epoch));
    const group = titled('development', config.eval.level, experiment.synthetic);
    const values = Object.entries(rates ?? {}).map(
      ([name, scalar]): TaggedValue => ({ tag: `${group}/${name}`, scalar }),
    );
    const size = methodOf(config).mapSize?.(config);
    if (size !== undefined && (Number.isInteger(Math.log2(at.epoch)) || at.epoch === config.train.epochs)) {
      values.push(
        ...(await mapPictures(
          experiment,
          join(folder.checkpoints, `${epochName(at.epoch)}.safetensors`),
          device,
          size,
        )),
      );
    }
    if (values.length > 0) this.append(at.step, values);
  }

  end(step: number): void {
    this.append(step, [{ tag: hparamsEnd, ended: 'success' }]);
  }

  /** At once, as metrics.jsonl is written. */
  private append(step: number, values: readonly TaggedValue[]): void {
    appendFileSync(this.path, eventRecord({ wallTime: now(), step, values }));
  }
}

/** A line of metrics.jsonl, as far as it is shown. */
export interface MetricsLine {
  step: number;
  epoch: number;
  images_per_s: number;
  learning_rate?: number;
  seconds: object;
}

/** The result of a run beside its training: the table of hyper-parameters puts the two together. Only where a training wrote its part. */
export async function writeResultEvents(folder: RunFolder, evaluation: Evaluation): Promise<void> {
  const files = await eventFiles(folder);
  if (files.length === 0) return;
  const earlier = files.filter(({ of }) => of === 'eval');
  const values = (['video', 'frame'] as const).flatMap((level) => {
    const { auc, eer, thresholds } = evaluation.levels[level];
    const source = thresholds['source-dev-eer'];
    const rates = {
      auc,
      'eer, oracle': eer,
      ...(isKnown(source) && { 'hter at source-dev-eer': source.hter, 'acer at source-dev-eer': source.acer }),
    };
    const group = titled('target', level, evaluation.synthetic);
    return Object.entries(rates).map(([name, scalar]): TaggedValue => ({ tag: `${group}/${name}`, scalar }));
  });
  const step = await stepsUntil(folder, evaluation.checkpoint!);
  const content = [fileVersion(now()), eventRecord({ wallTime: now(), step, values })];
  await writeFileWhole(nameFor(folder, 'eval', files), Buffer.concat(content));
  await remove(earlier);
}

type EventFile = { path: string; second: number; of: 'train' | 'eval' };

async function eventFiles({ path }: RunFolder): Promise<EventFile[]> {
  return (await readdir(path)).flatMap((name) => {
    const [, second, of] = namePattern.exec(name) ?? [];
    return of === undefined ? [] : [{ path: join(path, name), second: Number(second), of: of as EventFile['of'] }];
  });
}

/** The name of a new file, behind those of `earlier` ones. */
function nameFor({ path }: RunFolder, of: EventFile['of'], earlier: readonly EventFile[]): string {
  const second = Math.max(Math.floor(now()), ...earlier.map((file) => file.second + 1));
  return join(path, `events.out.tfevents.${String(second).padStart(10, '0')}.ldc-${of}`);
}

async function remove(files: readonly EventFile[]): Promise<void> {
  for (const { path } of files) await rm(path, { force: true });
}

/** Steps of a run up to the end of a checkpoint's epoch, as metrics.jsonl has them. */
async function stepsUntil(folder: RunFolder, checkpoint: string): Promise<number> {
  const last = Number(/\d+/.exec(checkpoint)![0]);
  let steps = 0;
  for await (const line of linesOf(folder.metrics)) {
    if (Number(/"epoch":(\d+)/.exec(line)?.[1] ?? Infinity) <= last) steps++;
  }
  return steps;
}

/**
 * Faces of the development split, one of each kind: each, then its live and its spoof map over it. By a copy of the network: a forward pass
 * may change what learns (LDCNet's normalises its classifier in place), and the run's bits with it.
 */
async function mapPictures(
  experiment: Experiment,
  checkpoint: string,
  device: Device,
  size: number,
): Promise<TaggedValue[]> {
  const { config, dev, synthetic } = experiment;
  const network = emptyNet(experiment, device);
  const scorer = new EngineScorer(device, scoringNetwork(config, network), config.data.normalize);
  const values: TaggedValue[] = [];
  try {
    await loadModel(checkpoint, network);
    for (const frame of someOfEachKind(dev, 1).slice(0, mostFaces)) {
      const { image_size: imageSize } = config.data;
      const [answer] = await scorer.score(await readImage(frame.path, imageSize), 1, imageSize);
      const { liveMap, spoofMap } = answer!;
      const layers = [liveMap!, spoofMap!].map((map) => ({ values: map, size }));
      const encoded = await overlayPng(await readImage(frame.path, mapsSide), mapsSide, layers);
      const image = { width: 3 * mapsSide, height: mapsSide, encoded };
      values.push({ tag: `${synthetic ? 'SYNTHETIC ' : ''}face, live map, spoof map/${kindOf(frame)}`, image });
    }
  } finally {
    scorer.release();
    network.dispose();
  }
  return values;
}

/** `SYNTHETIC target, video level`. */
function titled(what: string, level: string, synthetic: boolean | null): string {
  return `${synthetic ? 'SYNTHETIC ' : ''}${what}, ${level} level`;
}

/** Every key of a configuration in dots, with its value; lists and null as JSON. */
function flat(config: object, prefix = ''): Record<string, HyperParameter> {
  const entries = Object.entries(config).flatMap(([key, value]): [string, HyperParameter][] => {
    if (isSection(value)) return Object.entries(flat(value, `${prefix}${key}.`));
    return [[prefix + key, typeof value === 'object' ? JSON.stringify(value) : value]];
  });
  return Object.fromEntries(entries);
}

function now(): number {
  return Date.now() / 1000;
}
