/** The names of a network in a file that somebody wrapped: what stands in front of them there is taken off, whatever it is. */
import { UserError } from '../../base/errors.js';
import { quote } from '../../formats/quote.js';
import { prefixesOf } from '../../formats/wrappers.js';
import type { ModelFile } from '../checkpoint.js';

/**
 * The tensors of the network that most names of `wanted` belong to: `model.fc.weight` reads `fc.weight` where `fc.weight` is wanted. Those
 * of other networks and of losses beside it are not among them.
 * @param note says what was taken off
 * @throws UserError when there are two such networks
 */
export function unwrapped(file: ModelFile, wanted: ReadonlySet<string>, note: (text: string) => void): ModelFile {
  const counts = prefixesOf(file.names, wanted);
  const most = Math.max(...counts.values());
  const best = [...counts.keys()].filter((prefix) => counts.get(prefix) === most);
  const prefix = best.includes('') || best.length === 0 ? '' : best[0]!;
  if (prefix !== '' && best.length > 1) {
    throw new UserError(
      `${file.origin} holds several such networks, behind ${best.map(quote).join(' and ')}`,
      'save the one that is meant by itself',
    );
  }
  const taken = file.taken + prefix;
  if (taken !== '') note(`${file.origin}: ${quote(taken)} in front of the names is taken off`);
  if (prefix === '') return file;
  const names = file.names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return {
    ...file,
    taken,
    names,
    shape: (name) => file.shape(prefix + name),
    values: (name) => file.values(prefix + name),
  };
}
