/** What one protocol means on the data at hand: which frames train, which choose thresholds, which are the unseen target. */
import { UserError } from '../base/errors.js';
import type { Protocol } from '../config/protocol.js';
import type { Config } from '../config/schema.js';
import { type CropSet, findCropSets } from '../data/cropSet.js';
import { developmentSplit } from '../data/developmentSplit.js';
import { divideFewShot, type FewShot } from '../data/fewShot.js';
import type { Frame } from '../data/manifest.js';
import { selectReleaseParts } from '../data/releaseParts.js';
import { type Selection, selectOfficial, selectSides } from '../data/select.js';
import type { Device } from '../engine/device.js';
import { openDevice } from '../engine/device.js';
import { methodOf } from './configuration.js';
import type { RunFacts } from './runFolder.js';

export interface Experiment {
  protocol: Protocol;
  config: Config;
  /** The folder of the crop sets. */
  dataFolder: string;
  sources: readonly Selection[];
  targets: readonly Selection[];
  /** Source frames that train, in the order of the manifests. */
  train: readonly Frame[];
  /** Source frames of held-out subjects: thresholds and checkpoint choice. */
  dev: readonly Frame[];
  /** Who of a target is trained on, in few-shot protocols. */
  fewShot?: FewShot;
  notices: readonly string[];
  /** Any part is synthetic. */
  synthetic: boolean;
}

/**
 * Official protocols bring their development videos, most of them; for all others, people of the sources are held out, or the releases'
 * own parts with `data.development: release`.
 * @throws UserError when a domain of the protocol is not in `dataFolder`
 */
export async function openExperiment(protocol: Protocol, config: Config, dataFolder: string): Promise<Experiment> {
  const sets = await findCropSets(dataFolder, config.data.follow);
  const { sources, targets, ...parts } = withFewShot(await divide(sets, protocol, config), protocol, config);
  const all = [...sources, ...targets];
  const notices = [...new Set([...parts.notices, ...all.flatMap(({ partial }) => partial ?? [])])];
  const settled = settle(config, protocol, parts.fewShot);
  return {
    protocol,
    config: settled,
    dataFolder,
    sources,
    targets,
    ...parts,
    notices,
    synthetic: all.some(({ synthetic }) => synthetic),
  };
}

type Parts = Pick<Experiment, 'sources' | 'targets' | 'train' | 'dev' | 'notices'>;

async function divide(sets: ReadonlyMap<string, CropSet>, protocol: Protocol, config: Config): Promise<Parts> {
  const { official } = protocol;
  if (official === undefined) {
    return config.data.development === 'release'
      ? selectReleaseParts(sets, protocol)
      : heldOut(selectSides(sets, protocol), config);
  }
  const { dev, ...parts } = await selectOfficial(sets, { ...protocol, official });
  if (dev !== null) return { ...parts, dev, notices: [] };
  return { ...parts, ...developmentSplit(parts.train, config.data.dev_fraction, config.seed) };
}

/** People of a target train whole: thresholds are chosen on the sources alone. */
function withFewShot(
  parts: Parts,
  { fewShot, ...protocol }: Protocol,
  { data, seed }: Config,
): Parts & { fewShot?: FewShot } {
  if (fewShot !== undefined) {
    const { train, ...divided } = divideFewShot({ ...protocol, fewShot }, parts.targets, data.few_shot, seed);
    return { ...parts, ...divided, train: [...parts.train, ...train] };
  }
  if (data.few_shot === null) return parts;
  throw new UserError(
    `data.few_shot names people of a target, and the protocol ${protocol.name} trains on none`,
    "few-shot protocols are written like 'O&C&I+M:5-to-M'",
  );
}

/** What the method leaves to the protocol, decided. */
function settle(config: Config, protocol: Protocol, people?: FewShot): Config {
  const { augment } = config;
  const moves = (['rotation', 'crop', 'flip'] as const).find((key) => augment[key] !== 0 && augment[key] !== null);
  if (moves !== undefined && methodOf(config).teacher !== undefined) {
    throw new UserError(
      `augment.${moves} moves images, but not the maps that ${methodOf(config).title} learns from`,
      'changes of colour are possible: --set augment.brightness=0.4',
    );
  }
  const domains = (specs: Protocol['sources']) => specs.map(({ domain }) => domain);
  const fewShot = protocol.fewShot === undefined ? [] : [protocol.fewShot.domain];
  const sides = { sources: [...domains(protocol.sources), ...fewShot], targets: domains(protocol.targets) };
  // Who was trained on stands in the run's configuration, so that nobody else is tested without, whatever the seed.
  const chosen =
    people === undefined ? config : { ...config, data: { ...config.data, few_shot: [...people.subjects] } };
  return methodOf(config).settle?.(chosen, sides) ?? chosen;
}

function heldOut(sides: { sources: Selection[]; targets: Selection[] }, { data, seed }: Config) {
  const frames = sides.sources.flatMap((selection) => selection.frames);
  return { ...sides, ...developmentSplit(frames, data.dev_fraction, seed) };
}

/** The device a configuration asks for. */
export function deviceOf({ device, precision, threads, train }: Config): Device {
  return openDevice(device, { precision, threads, convAlgorithm: train.conv_algorithm });
}

/** The `data` entry of run.json. */
export function dataFacts({ sources, targets, fewShot }: Experiment): RunFacts['data'] {
  return Object.fromEntries(
    [...sources, ...targets].map(({ domain, name, hash, subset, attackTypes }) => [
      domain,
      { name, hash, subset, attackTypes, ...(fewShot?.domain === domain && { trained: fewShot.subjects }) },
    ]),
  );
}
