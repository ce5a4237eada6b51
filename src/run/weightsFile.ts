/** Weights of an LDCNet in a file of their own, without a run: our checkpoints, and the released program's `.tar` files. */
import { UserError } from '../base/errors.js';
import type { Config } from '../config/schema.js';
import type { StateSource } from '../engine/nn/module.js';
import { openModelFile } from './checkpoint.js';
import { unwrapped } from './wrappedWeights.js';

/** The settings that a checkpoint needs to be used without its run, as it carries them itself. */
const settings = {
  'data.image_size': ({ data }: Config) => data.image_size,
  'data.normalize': ({ data }: Config) => data.normalize,
  'model.map_size': ({ model }: Config) => model.map_size,
  'model.conv.kind': ({ model }: Config) => model.conv.kind,
  'model.conv.theta': ({ model }: Config) => model.conv.theta,
};

/** Entries of a checkpoint's header: the keys of the configuration with which its network works. */
export function networkMetadata(config: Config): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).map(([key, of]) => [key, String(of(config))]));
}

export interface WeightsFile {
  state: StateSource;
  /** The free text entries of the file's header. */
  metadata: Readonly<Record<string, string>>;
  /** Settings that the file carries, as overrides of a configuration (`key=value`); none in a PyTorch checkpoint. */
  overrides: string[];
  protocol: string | null;
  checkpoint: string | null;
}

/** A tensor that every LDCNet has, by which one is known. */
const anchor = 'classifier.classifier_layer.weight';

/**
 * @param note is told of wrappers in front of the names that are taken off
 * @throws UserError when the file is missing, damaged, or holds something else than an LDCNet, or two of them
 */
export async function openWeights(path: string, note: (text: string) => void = () => {}): Promise<WeightsFile> {
  const state = unwrapped(await openModelFile(path), new Set([anchor]), note);
  const { metadata } = state;
  if (!state.names.includes(anchor)) {
    throw new UserError(
      `${path} holds no LDCNet: the tensor ${anchor} is missing`,
      'weights of an ImageNet ResNet-18 are a start for training: ldc train --weights FILE',
    );
  }
  return {
    state,
    metadata,
    overrides: Object.keys(settings).flatMap((key) => (key in metadata ? [`${key}=${metadata[key]}`] : [])),
    protocol: metadata.protocol ?? null,
    checkpoint: metadata.checkpoint ?? null,
  };
}

type Kind = Config['model']['conv']['kind'];

/** The kinds of convolution that an LDCNet's names can be of. */
export function kindsOf({ names, shape }: Pick<StateSource, 'names' | 'shape'>): [Kind, ...Kind[]] {
  const mask = 'backbone.layer1.0.learnable_mask1';
  if (names.includes(`${mask}_diagonal`)) return ['ldc-decoupled'];
  if (names.includes(mask)) return [shape(mask).length === 4 ? 'ldc-paper' : 'ldc'];
  return ['vanilla', 'cdc'];
}

/** Refuses weights whose convolutions are of another kind than the configuration says: they tell by their names. */
export function checkKind({ names, origin, shape }: StateSource, { model }: Pick<Config, 'model'>): void {
  const kinds = kindsOf({ names, shape });
  if (kinds.includes(model.conv.kind)) return;
  throw new UserError(
    `${origin} has convolutions of the kind ${kinds.join(' or ')}, the configuration says ${model.conv.kind}`,
    `say which: --set model.conv.kind=${kinds[0]}`,
  );
}
