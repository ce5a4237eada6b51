/** What one protocol means on the data at hand: which frames train, which choose thresholds, which are the unseen target. */
import type { Protocol } from '../config/protocol.js';
import type { Config } from '../config/schema.js';
import { findCropSets } from '../data/cropSet.js';
import { developmentSplit } from '../data/developmentSplit.js';
import type { Frame } from '../data/manifest.js';
import { type Selection, selectSides } from '../data/select.js';
import type { Device } from '../engine/device.js';
import { openDevice } from '../engine/device.js';
import type { RunFacts } from './runFolder.js';

export interface Experiment {
  protocol: Protocol;
  config: Config;
  sources: readonly Selection[];
  targets: readonly Selection[];
  /** Source frames that train, in the order of the manifests. */
  train: readonly Frame[];
  /** Source frames of held-out subjects: thresholds and checkpoint choice. */
  dev: readonly Frame[];
  notices: readonly string[];
  /** Any part is synthetic. */
  synthetic: boolean;
}

/** @throws UserError when a domain of the protocol is not in `dataFolder` */
export async function openExperiment(protocol: Protocol, config: Config, dataFolder: string): Promise<Experiment> {
  const { sources, targets } = selectSides(await findCropSets(dataFolder), protocol);
  const frames = sources.flatMap((selection) => selection.frames);
  const { train, dev, notices } = developmentSplit(frames, config.data.dev_fraction, config.seed);
  const synthetic = [...sources, ...targets].some((selection) => selection.synthetic);
  return { protocol, config, sources, targets, train, dev, notices, synthetic };
}

/** The device a configuration asks for. */
export function deviceOf(config: Config): Device {
  return openDevice(config.device, { threads: config.threads, convAlgorithm: config.train.conv_algorithm });
}

/** The `data` entry of run.json. */
export function dataFacts({ sources, targets }: Experiment): RunFacts['data'] {
  return Object.fromEntries(
    [...sources, ...targets].map(({ domain, name, hash, subset, attackTypes }) => [
      domain,
      { name, hash, subset, attackTypes },
    ]),
  );
}
