/** Weights of a network in a file of their own, without a run: our checkpoints, and those that the methods' authors released. */
import { UserError } from '../../base/errors.js';
import type { Config } from '../../config/schema.js';
import type { StateSource } from '../../engine/nn/module.js';
import { openModelFile } from '../checkpoint.js';
import { methodOf, openMethods } from '../configuration.js';
import { unwrapped } from './wrappedWeights.js';

/** Entries of a checkpoint's header: the keys of the configuration with which its network works. */
export function networkMetadata(config: Config): Record<string, string> {
  return Object.fromEntries(methodOf(config).carried.map((key) => [key, String(valueAt(config, key))]));
}

function valueAt(config: object, key: string): unknown {
  return key.split('.').reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], config);
}

export interface WeightsFile {
  state: StateSource;
  /** The free text entries of the file's header. */
  metadata: Readonly<Record<string, string>>;
  /** Settings that the file carries or that its tensors tell, as overrides of a configuration (`key=value`). */
  overrides: string[];
  /** Settings that it does not tell and that change no name or shape. */
  alike: string[];
  protocol: string | null;
  checkpoint: string | null;
}

/**
 * @param note is told of wrappers in front of the names that are taken off
 * @throws UserError when the file is missing, damaged, or holds no network of a method, or two of them
 */
export async function openWeights(path: string, note: (text: string) => void = () => {}): Promise<WeightsFile> {
  const file = await openModelFile(path);
  const { metadata } = file;
  const candidates = openMethods();
  const named = candidates.find(([, { name }]) => name === metadata.network);
  for (const [key, method] of named === undefined ? candidates : [named]) {
    const notes: string[] = [];
    const state = unwrapped(file, new Set(method.anchors), (text) => notes.push(text));
    const told = method.recognise(state, metadata);
    if (told === undefined) continue;
    for (const text of notes) note(text);
    const carried = method.carried.flatMap((name) => (name in metadata ? [`${name}=${metadata[name]}`] : []));
    return {
      state: told.state ?? state,
      metadata,
      overrides: [`method=${key}`, ...told.overrides, ...carried],
      alike: told.alike ?? [],
      protocol: metadata.protocol ?? null,
      checkpoint: metadata.checkpoint ?? null,
    };
  }
  const known = candidates.map(([, { title, anchors }]) => `${title} (${anchors[0]})`).join(', ');
  throw new UserError(
    `${path} holds no network of a method that is known by its tensors: ${known}`,
    'weights of an ImageNet ResNet-18 are a start for training: ldc train --weights FILE',
  );
}
