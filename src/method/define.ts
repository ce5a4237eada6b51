/** Methods of one's own: what a module must give, and what it may leave out. docs/methods.md is the tutorial. */
import { z } from 'zod';
import { UserError } from '../base/errors.js';
import type { Config } from '../config/schema.js';
import { checkedMethod, contractHint } from './checkedMethod.js';
import type { Method, Network } from './method.js';
import { softmaxScore } from './softmaxScore.js';

/** What every method has to say itself. */
type Required = 'name' | 'network' | 'training' | 'outputs';

/** A method with what it does not say filled in: no keys, no variants, images as they are, softmax of two logits as its score. */
export function defineMethod<C extends Config, N extends Network>(
  own: Pick<Method<C, N>, Required> & Partial<Method<C, N>>,
): Method<C, N> {
  const { name } = own;
  return {
    title: name,
    settings: { name, sections: {} },
    variant: () => null,
    runName: () => name,
    carried: ['data.image_size', 'data.normalize'],
    weightsKeys: [],
    weights: () => null,
    ownName: () => undefined,
    anchors: [],
    // Only files of its own runs, which name it.
    recognise: (_, metadata) => (metadata.network === name ? { overrides: [] } : undefined),
    score: softmaxScore,
    ...own,
  };
}

const functions = ['network', 'training', 'outputs'] as const;
const lists = ['carried', 'weightsKeys', 'anchors'] as const;
const optional = [
  ...['variant', 'runName', 'settle', 'weights', 'ownName', 'recognise', 'check', 'score', 'mapSize', 'features'],
  ...['card', 'graph'],
] as const;

/**
 * The method that a module exports as its default.
 * @param taken names of methods and sections that are there already
 * @throws UserError that names each part which is missing or wrong
 */
export function methodOfModule(module: { default?: unknown }, path: string, taken: readonly string[]): Method {
  const hint = `${contractHint}; export default defineMethod({ name, network, training, outputs })`;
  const method = module.default as Record<string, unknown> | undefined;
  if (method === null || typeof method !== 'object')
    throw new UserError(`${path} has no method as its default export`, hint);
  const wrong: string[] = [];
  if (typeof method.name !== 'string' || !/^[a-z][a-z0-9_]*$/.test(method.name)) {
    wrong.push('name (small letters, digits and _)');
  }
  for (const part of functions) if (typeof method[part] !== 'function') wrong.push(`${part} (a function)`);
  for (const part of optional) {
    if (method[part] !== undefined && typeof method[part] !== 'function') wrong.push(`${part} (a function)`);
  }
  for (const part of lists) {
    const list = method[part];
    const texts = Array.isArray(list) && list.every((each) => typeof each === 'string');
    if (list !== undefined && !texts) wrong.push(`${part} (a list of texts)`);
  }
  const { layers, draw } = (method.pictures ?? {}) as Record<string, unknown>;
  if (method.pictures !== undefined && (typeof layers !== 'function' || typeof draw !== 'function')) {
    wrong.push('pictures ({ layers, draw }, functions)');
  }
  const settings = method.settings as { name?: unknown; sections?: object; train?: object } | undefined;
  if (settings !== undefined && (settings.name !== method.name || typeof settings.sections !== 'object')) {
    wrong.push('settings ({ name, sections }, with the name of the method)');
  }
  for (const [name, type] of Object.entries({ ...settings?.sections, ...settings?.train })) {
    if (!(type instanceof z.ZodType)) wrong.push(`${name} of settings (a zod type)`);
  }
  if (wrong.length > 0) throw new UserError(`the method in ${path} lacks, or has wrong: ${wrong.join(', ')}`, hint);
  const names = [method.name as string, ...Object.keys(settings?.sections ?? {})];
  const clash = names.find((name) => taken.includes(name));
  if (clash !== undefined) throw new UserError(`the method in ${path} uses the name ${clash}, which ldc has already`);
  return checkedMethod(defineMethod(method as unknown as Method), path);
}
