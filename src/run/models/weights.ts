/** Initial weights from a file: ImageNet's ResNet-18 by torchvision's names, or a whole network by its own. */
import { UserError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import { type LoadReport, loadState, type StateSource } from '../../engine/nn/module.js';
import type { Network } from '../../method/method.js';
import { openModelFile } from '../checkpoint.js';
import type { Progress } from '../progress.js';
import { unwrapped } from './wrappedWeights.js';

/** What became of a file of initial weights, by the names of the network. */
interface WeightsReport extends LoadReport {
  file: string;
}

/**
 * Loads what `path` names into `module`; the rest keeps its start. `ownName` says how the network calls a tensor of another name. Notes how much was loaded, left and ignored, and writes all names to
 * the file `report`.
 * @throws UserError when nothing fits, or shapes differ: then all that do are named, and nothing is loaded
 */
export async function loadWeights(
  path: string,
  module: Network,
  ownName: (name: string) => string | undefined,
  report: string,
  progress: Progress,
): Promise<void> {
  const own = new Map(module.state().map(({ name, shape }) => [name, shape]));
  const note = (text: string) => progress.note(text);
  const file = await openModelFile(path);
  const wanted = wantedNames(file.names, own, ownName);
  const source = renamed(unwrapped(file, wanted, note), own, ownName);
  const misShaped = source.names.flatMap((name) => {
    const [found, needed] = [source.shape(name), own.get(name)];
    return needed === undefined || found.join() === needed.join() ? [] : [`${name} [${found}] for [${needed}]`];
  });
  if (misShaped.length > 0) {
    throw new UserError(
      `${path}: ${misShaped.length} tensors have another shape than the network: ${misShaped.join(', ')}`,
      'nothing was loaded; leave these tensors out of the file to let them keep their start',
    );
  }
  const names = await loadState(module, source, true);
  const { loaded, missing, ignored } = names;
  if (loaded.length === 0) throw new UserError(`${path}: no tensor has a name of this network`);
  const some = (names: string[]) =>
    names.length === 0 ? '' : ` (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''})`;
  progress.note(
    `${path}: ${loaded.length} tensors loaded, ${missing.length} left as initialised${some(missing)}, ${ignored.length} ignored${some(ignored)}, 0 mis-shaped`,
  );
  const written: WeightsReport = { file: path, ...names };
  await writeFileWhole(report, `${JSON.stringify(written, null, 2)}\n`);
}

/** The network's names, and those of the file that it has by another name, whatever stands in front of them. */
function wantedNames(
  names: readonly string[],
  own: ReadonlyMap<string, unknown>,
  ownName: (name: string) => string | undefined,
): Set<string> {
  const ends = names.flatMap((name) => {
    const parts = name.split('.');
    return parts.map((_, i) => parts.slice(i).join('.'));
  });
  return new Set([...own.keys(), ...ends.filter((name) => own.has(ownName(name) ?? ''))]);
}

/** The layer to the 1000 classes of ImageNet is no start for one to another number of classes that has the same name. */
function isOtherHead(found: readonly number[], own: readonly number[]): boolean {
  return found[0] === 1000 && own[0] !== 1000 && found.slice(1).join() === own.slice(1).join();
}

/** Gives tensors the names of the network: those that it has as they are, others as the method says. */
function renamed(
  source: StateSource,
  own: ReadonlyMap<string, readonly number[]>,
  ownName: (name: string) => string | undefined,
): StateSource {
  const original = new Map(
    source.names.map((name) => {
      const ours = own.has(name) ? name : ownName(name);
      if (ours === undefined || !own.has(ours)) return [name, name];
      return [isOtherHead(source.shape(name), own.get(ours)!) ? `ImageNet's ${name}` : ours, name];
    }),
  );
  return {
    origin: source.origin,
    names: [...original.keys()],
    shape: (name) => source.shape(original.get(name)!),
    values: (name) => source.values(original.get(name)!),
  };
}
