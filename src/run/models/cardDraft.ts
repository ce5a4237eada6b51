/** What an ONNX file says of itself, and a draft of the card that says the rest. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { ForeignSession, type Port } from '../../evaluate/foreignScorer.js';
import { onnxFacts } from '../../formats/onnx.js';
import { cardPathOf, layoutOf, portText, readCard, recipeOf } from './foreignCard.js';
import { isOurs } from './foreignModel.js';
import { cardFromMetadata, type ModelCard } from './modelCard.js';
import { readModel } from './openModel.js';

export interface OnnxFile {
  model: string;
  producer: string;
  opset: number;
  inputs: readonly Port[];
  outputs: readonly (Port & { op: string | null })[];
  /** Of a model of `ldc export`. */
  exported: ModelCard | null;
}

/** @throws UserError when it is no ONNX file, or onnxruntime refuses it */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  const { producer, opset, makers, metadata } = onnxFacts(await readModel(path), path);
  const session = await ForeignSession.open(path, {});
  const { inputs, outputs } = session;
  await session.release();
  return {
    ...{ model: path, producer, opset, inputs },
    outputs: outputs.map((port) => ({ ...port, op: makers[port.name] ?? null })),
    exported: isOurs(metadata) ? cardFromMetadata(metadata, path) : null,
  };
}

/** The card beside a model, held against it; null where there is none. @throws UserError where it does not fit */
export async function checkCardBeside(file: OnnxFile): Promise<string | null> {
  const path = cardPathOf(file.model);
  if (!existsSync(path)) return null;
  recipeOf(await readCard(path), { ...file, path: file.model });
  return path;
}

/** A card in which `???` stands where only the model's maker knows; what the graph tells is filled in. */
export function cardDraft({ model, inputs, outputs }: OnnxFile): string {
  const [input] = inputs;
  const layout = input && layoutOf(input);
  const side = input?.shape[layout === 'nhwc' ? 1 : 2];
  const [output] = outputs;
  const [several, softmax] = [outputs.length > 1, output?.op === 'Softmax' || output?.op === 'Sigmoid'];
  const values = output && valuesOf(output);
  const lines = [
    `# Card of ${basename(model)}: fill in each ???, then name it with --card, or leave it beside the model.`,
    `name: ${JSON.stringify(basename(model).replace(/\.onnx$/i, ''))}    # in tables and messages`,
    'input:',
    ...(inputs.length > 1 ? [`  name: ???    # ${inputs.map(portText).join('; ')}`] : []),
    `  size: ${typeof side === 'number' && side > 0 ? side : '???'}    # side of the square that an image is resized to, in pixels`,
    `  layout: ${layout ?? '???'}    # nchw or nhwc`,
    '  colour: ???    # rgb or bgr',
    '  scale: ???    # x = pixel * scale, pixel being 0...255: 1, 1/255, ...',
    '  # mean: [0.485, 0.456, 0.406]    # x = (x - mean) / std, in the order of colour; left out: 0 and 1',
    '  # std: [0.229, 0.224, 0.225]',
    'output:',
    ...(several ? [`  name: ???    # ${outputs.map(portText).join('; ')}`] : []),
    values === 1 && !several
      ? '  live: ???    # one value: 1 it is for live, 0 it is for an attack'
      : `  live: ???    # index of live among the values${values && !several ? `, 0 ... ${values - 1}` : ''}`,
    softmax && !several
      ? `  activation: none    # ${output!.op} is in the model`
      : '  activation: ???    # none, softmax or sigmoid: what is still to be applied',
    '# threshold: 0.5    # live from this score on',
  ];
  return `${lines.join('\n')}\n`;
}

/** Values an image; undefined where the graph does not say. */
function valuesOf({ shape }: Port): number | undefined {
  const extents = shape.slice(1);
  if (!extents.every((extent) => typeof extent === 'number' && extent > 0)) return undefined;
  return (extents as number[]).reduce((product, extent) => product * extent, 1);
}
