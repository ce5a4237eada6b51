/** The card of somebody else's ONNX model: what its file does not say of pixels, classes and the threshold, and whether it fits the graph. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { UserError } from '../../base/errors.js';
import { writeFileWhole } from '../../base/files.js';
import { checkedYaml } from '../../config/checkedYaml.js';
import { readYamlFile, type YamlFile } from '../../config/yamlFile.js';
import {
  activations,
  checkLive,
  colours,
  type ForeignRecipe,
  inputTypes,
  layouts,
  outputTypes,
  type Port,
} from '../../evaluate/foreignScorer.js';
import { calibrationSchema } from '../calibrationRecord.js';
import type { Threshold } from '../threshold.js';

const scalePattern = /^\s*([\d.]+(?:e[+-]?\d+)?)\s*\/\s*([\d.]+(?:e[+-]?\d+)?)\s*$/i;
const scaleForm = 'must be a number, or two as 1/255';
const number = () => z.number({ error: 'must be a number' });
const perChannel = z.union([z.tuple([number(), number(), number()]), number()], {
  error: 'must be three numbers in brackets, in the order of colour, or one for all',
});
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

const cardSchema = z.strictObject({
  /** In tables and messages; the file's name unless told. */
  name: z.string().min(1).optional(),
  input: z.strictObject(
    {
      name: z.string().optional(),
      size: z.int({ error: 'must be a whole number of pixels' }).min(1).max(4096).optional(),
      layout: oneOf(layouts).optional(),
      colour: oneOf(colours),
      scale: z.union([number(), z.string().regex(scalePattern, scaleForm)], { error: scaleForm }),
      mean: perChannel.default(0),
      std: perChannel.default(1),
    },
    { error: 'must be a section with size, layout, colour and scale' },
  ),
  output: z.strictObject(
    {
      name: z.string().optional(),
      live: z.int({ error: 'must be the index of live among the values, a whole number' }).min(0).optional(),
      activation: oneOf(activations).default('none'),
    },
    { error: 'must be a section with live and activation' },
  ),
  threshold: z
    .union([number(), z.strictObject({ frame: number(), video: number() })], {
      error: 'must be a number, or frame and video with a number each',
    })
    .optional(),
  /** Where the threshold comes from: words, or what `ldc calibrate` wrote. */
  threshold_from: z
    .union([z.string(), calibrationSchema], { error: 'must be words, or what ldc calibrate wrote' })
    .optional(),
});

/** What may stand in a card. */
export type ForeignCard = z.input<typeof cardSchema>;
type CheckedCard = z.output<typeof cardSchema>;

/** A card and where it stands. */
export interface CardFile {
  card: CheckedCard;
  /** The file, or "the card", for messages. */
  origin: string;
  /** Where it is one. */
  file?: string;
}

/** The card that lies beside a model: `any.card.yaml` for `any.onnx`. */
export function cardPathOf(model: string): string {
  return model.replace(/(?:\.onnx)?$/i, '.card.yaml');
}

/** The card that is named, else the one beside the model; undefined where there is none. */
export function cardFileFor(model: string, named: string | undefined): string | undefined {
  if (named !== undefined) return named;
  const beside = cardPathOf(model);
  return existsSync(beside) ? beside : undefined;
}

/** @throws UserError that names file, line and key */
export async function readCard(file: string): Promise<CardFile> {
  const yaml = await readYamlFile(file, 'the card');
  refuseOpen(yaml, file);
  return { card: checkedYaml(cardSchema, yaml, file, 'the card'), origin: file, file };
}

/** A card that a program holds. @throws UserError that names the key */
export function checkCard(card: ForeignCard): CardFile {
  const origin = 'the card';
  return { card: checkedYaml(cardSchema, { value: card, lineOf: () => 1 }, origin, origin), origin };
}

/** Puts another threshold into a card; whatever else stands in the file stays as it is. */
export async function writeThreshold(file: string, { frame, video, from }: Threshold): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  document.set('threshold', { frame, video });
  document.set('threshold_from', from);
  await writeFileWhole(file, document.toString({ lineWidth: 0 }));
}

/** A draft holds `???` where only the model's maker knows. */
function refuseOpen({ value, lineOf }: YamlFile, file: string): void {
  for (const section of ['input', 'output']) {
    const keys = (value as Record<string, Record<string, unknown> | null>)[section] ?? {};
    const open = Object.keys(keys).find((key) => keys[key] === '???');
    if (open === undefined) continue;
    throw new UserError(
      `${section}.${open} is still to be filled in, in ${file} line ${lineOf([section, open])}`,
      'its maker knows: look at how the model is fed and read where it was trained',
    );
  }
}

/**
 * The recipe of a model, from its card and its graph.
 * @throws UserError with both values where the card says what the graph does not have, or leaves open what the graph leaves open
 */
export function recipeOf(
  { card, origin }: CardFile,
  { inputs, outputs, path }: { inputs: readonly Port[]; outputs: readonly Port[]; path: string },
): ForeignRecipe {
  const input = portOf('input', card.input.name, inputs, { origin, path });
  const output = portOf('output', card.output.name, outputs, { origin, path });
  const contradiction = (key: string, said: unknown, has: string) =>
    new UserError(`${origin} says ${key} ${said}, but ${path} ${has}`);
  if (!isOneOf(inputTypes, input.type)) {
    throw new UserError(`input ${input.name} of ${path} is of ${input.type}; images can be ${inputTypes.join(', ')}`);
  }
  if (!isOneOf(outputTypes, output.type)) {
    throw new UserError(
      `output ${output.name} of ${path} is of ${output.type}; scores can be ${outputTypes.join(', ')}`,
    );
  }
  const others = inputs.filter(({ name }) => name !== input.name);
  if (others.length > 0) {
    throw new UserError(`${path} also needs the input ${portText(others[0]!)}, and ldc has images alone to give`);
  }
  const takes = `takes ${portText(input)}`;
  const layout = card.input.layout ?? layoutOf(input);
  if (layout === null) throw new UserError(`${origin} does not say input.layout, and ${path} ${takes}`);
  const [channels, ...sides] =
    layout === 'nchw' ? [1, 2, 3].map((k) => input.shape[k]) : [3, 1, 2].map((k) => input.shape[k]);
  if (input.shape.length !== 4 || (typeof channels === 'number' && channels > 0 && channels !== 3)) {
    throw contradiction('input.layout', `${layout}, three channels,`, takes);
  }
  const fixed = sides.filter((side) => typeof side === 'number' && side > 0) as number[];
  const size = card.input.size ?? fixed[0];
  if (size === undefined) throw new UserError(`${origin} does not say input.size, and ${path} ${takes}`);
  if (fixed.some((side) => side !== size)) throw contradiction('input.size', size, takes);
  const { mean, std } = { mean: tripleOf(card.input.mean), std: tripleOf(card.input.std) };
  const scale = scaleOf(card.input.scale);
  if (!Number.isFinite(scale) || scale === 0)
    throw new UserError(`${origin} says input.scale ${card.input.scale}, which is no factor`);
  if (std.includes(0)) throw new UserError(`${origin} says input.std ${card.input.std}: no value is divided by 0`);
  if (input.type === 'uint8' && (scale !== 1 || [...mean, ...std.map((s) => s - 1)].some((value) => value !== 0))) {
    throw contradiction('input.scale, mean or std', 'other than 1, 0 and 1', `${takes}: pixels as they are`);
  }
  const values = output.shape.slice(1);
  const known = values.every((extent) => typeof extent === 'number' && extent > 0);
  const count = known ? (values as number[]).reduce((product, extent) => product * extent, 1) : null;
  if (card.output.live === undefined && count !== 1) {
    throw new UserError(
      `${origin} does not say output.live, and ${path} gives ${portText(output)}`,
      'the index of live among the values',
    );
  }
  const read = { name: output.name, live: card.output.live ?? 1, activation: card.output.activation };
  if (count !== null) checkLive(read, count, path);
  return { input: { name: input.name, size, layout, colour: card.input.colour, scale, mean, std }, output: read };
}

/** The name of the model, for results. */
export function nameOf({ card }: CardFile, path: string): string {
  return card.name ?? basename(path).replace(/\.onnx$/i, '');
}

/** `pixels, float32 [N,3,224,224]`. */
export function portText({ name, type, shape }: Port): string {
  return `${name}, ${type} [${shape.map((extent) => (extent === '' ? '?' : extent)).join(',')}]`;
}

/** Where the three channels are, if the shape tells. */
export function layoutOf({ shape }: Port): (typeof layouts)[number] | null {
  const [first, last] = [shape[1] === 3, shape[3] === 3];
  if (shape.length !== 4 || first === last) return null;
  return first ? 'nchw' : 'nhwc';
}

function portOf(
  kind: 'input' | 'output',
  name: string | undefined,
  ports: readonly Port[],
  { origin, path }: { origin: string; path: string },
): Port {
  const found = name === undefined && ports.length === 1 ? ports[0] : ports.find((port) => port.name === name);
  if (found !== undefined) return found;
  const has = `${path} has ${ports.map((port) => port.name).join(', ')}`;
  if (name === undefined)
    throw new UserError(`${origin} does not say ${kind}.name, and ${has}`, `name one: ${kind}.name`);
  throw new UserError(`${origin} says ${kind}.name ${name}, but of ${kind}s ${has}`);
}

function isOneOf(types: readonly string[], type: string): boolean {
  return types.includes(type);
}

function tripleOf(value: number | [number, number, number]): [number, number, number] {
  return typeof value === 'number' ? [value, value, value] : value;
}

function scaleOf(scale: number | string): number {
  if (typeof scale === 'number') return scale;
  const [, over, under] = scalePattern.exec(scale)!;
  return Number(over) / Number(under);
}
