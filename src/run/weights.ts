/** Initial weights from a file: ImageNet's ResNet-18 by torchvision's names, or a whole network by its own. */
import { UserError } from '../base/errors.js';
import { loadState, type Module, type StateSource } from '../engine/nn/module.js';
import { openModelFile } from './checkpoint.js';

/** Where torchvision's names live in our networks. */
const backbones = ['backbone.', 'FeatExtor_LS.'];

/**
 * Loads what `path` names into `module`; the rest keeps its start. Reports what was loaded, left and ignored.
 * @throws UserError when nothing fits, or a shape differs
 */
export async function loadWeights(
  path: string,
  module: Module<never, unknown>,
  note: (text: string) => void,
): Promise<void> {
  const own = new Set(module.state().map(({ name }) => name));
  const source = renamed(await openModelFile(path), own);
  const { loaded, missing, ignored } = await loadState(module, source, true);
  if (loaded.length === 0) throw new UserError(`${path}: no tensor has a name of this network`);
  const some = (names: string[]) =>
    names.length === 0 ? '' : ` (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''})`;
  note(
    `${path}: ${loaded.length} tensors loaded, ${missing.length} left as initialised${some(missing)}, ${ignored.length} ignored${some(ignored)}`,
  );
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
