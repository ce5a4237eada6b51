/** Initial weights from a file: ImageNet's ResNet-18 by torchvision's names, or a whole network by its own. */
import { UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { type LoadReport, loadState, type Module, type StateSource } from '../engine/nn/module.js';
import { openModelFile } from './checkpoint.js';
import type { Progress } from './progress.js';
import { unwrapped } from './wrappedWeights.js';

/** Where torchvision's names live in our networks. */
const backbones = ['backbone.', 'FeatExtor_LS.'];

/** What became of a file of initial weights, by the names of the network. */
interface WeightsReport extends LoadReport {
  file: string;
}

/**
 * Loads what `path` names into `module`; the rest keeps its start. Notes how much was loaded, left and ignored, and writes all names to
 * the file `report`.
 * @throws UserError when nothing fits, or shapes differ: then all that do are named, and nothing is loaded
 */
export async function loadWeights(
  path: string,
  module: Module<never, unknown>,
  report: string,
  progress: Progress,
): Promise<void> {
  const own = new Map(module.state().map(({ name, shape }) => [name, shape]));
  const note = (text: string) => progress.note(text);
  const source = renamed(unwrapped(await openModelFile(path), wantedNames([...own.keys()]), note), new Set(own.keys()));
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

/** The network's names, and torchvision's for its ResNet. */
function wantedNames(own: readonly string[]): Set<string> {
  const plain = backbones.flatMap((prefix) =>
    own.flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : [])),
  );
  return new Set([...own, ...plain]);
}

/** Gives torchvision's names (`layer1.0.conv1.weight`) the prefix that the network has for its ResNet. */
function renamed(source: StateSource, own: ReadonlySet<string>): StateSource {
  const prefix = backbones.find((candidate) => source.names.some((name) => own.has(candidate + name)));
  if (prefix === undefined) return source;
  const original = new Map(source.names.map((name) => [own.has(prefix + name) ? prefix + name : name, name]));
  return {
    origin: source.origin,
    names: [...original.keys()],
    shape: (name) => source.shape(original.get(name)!),
    values: (name) => source.values(original.get(name)!),
  };
}
