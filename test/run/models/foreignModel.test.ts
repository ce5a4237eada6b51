/** Models that ldc did not write: their scores against onnxruntime fed by hand and against the sums by hand, and cards that do not fit. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { parseProtocol } from '../../../src/config/protocol.js';
import { writeCropSet } from '../../../src/data/cropSet.js';
import type { Frame, NewFrame } from '../../../src/data/manifest.js';
import { evaluateScores } from '../../../src/evaluate/evaluation.js';
import { scoresOf } from '../../../src/evaluate/scores.js';
import { toFloat16 } from '../../../src/formats/dtype.js';
import { evaluate, loadModel, predict } from '../../../src/library.js';
import { headline } from '../../../src/report/evalTable.js';
import { loadConfig } from '../../../src/run/configuration.js';
import { evaluateForeign } from '../../../src/run/evaluation/evaluateModel.js';
import { targetFrames } from '../../../src/run/evaluation/evaluateRun.js';
import { openExperiment } from '../../../src/run/experiment.js';
import { cardDraft, checkCardBeside, readOnnxFile } from '../../../src/run/models/cardDraft.js';
import type { ForeignCard } from '../../../src/run/models/foreignCard.js';
import { type ForeignModel, openOnnx } from '../../../src/run/models/foreignModel.js';
import { silent } from '../../../src/run/progress.js';
import { failure, put, temporaryFolder } from '../../data/helpers.js';
import { type MeanModel, meanModel } from './meanModel.js';

const folder = await temporaryFolder();
const at = (name: string) => join(folder, name);
const SIZE = 24;
const IMAGES = 5;

/** Drawn pixels that differ by channel and place, each image brighter than the one before. */
const images = Array.from({ length: IMAGES }, (_, n) =>
  Uint8Array.from(
    { length: SIZE * SIZE * 3 },
    (_, k) => ((k * 31 + (k >> 4) * 13 + 61 * (k % 3)) % 256) * ((n + 2) / 7),
  ),
);
const files = await Promise.all(
  images.map(async (pixels, n) =>
    put(
      at(`${n}.png`),
      await sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
        .png()
        .toBuffer(),
    ),
  ),
);

const weight = [
  [0.9, -0.4, 0.2],
  [-0.7, 0.8, 0.1],
  [0.3, 0.5, -0.9],
];
const bias = [0.1, -0.2, 0.05];
const columns = (count: number) => ({ weight: weight.map((row) => row.slice(0, count)), bias: bias.slice(0, count) });

/** The model's input, computed by hand in double: [n,3,S,S] or [n,S,S,3]. */
function fed({ input }: ForeignCard, layout: 'nchw' | 'nhwc'): Float64Array {
  const [over, under = '1'] = String(input.scale).split('/');
  const of = (value: ForeignCard['input']['mean'], c: number) => (Array.isArray(value) ? value[c]! : value!);
  const area = SIZE * SIZE;
  const values = new Float64Array(IMAGES * 3 * area);
  images.forEach((pixels, n) => {
    for (let k = 0; k < area; k++) {
      for (let c = 0; c < 3; c++) {
        const pixel = pixels[3 * k + (input.colour === 'bgr' ? 2 - c : c)]!;
        const x = (pixel * (Number(over) / Number(under)) - of(input.mean ?? 0, c)) / of(input.std ?? 1, c);
        values[layout === 'nchw' ? (3 * n + c) * area + k : 3 * (n * area + k) + c] = x;
      }
    }
  });
  return values;
}

/** All values of an output by onnxruntime itself. */
async function direct(path: string, model: MeanModel, card: ForeignCard): Promise<number[][]> {
  const session = await ort.InferenceSession.create(path);
  const values = Float32Array.from(fed(card, model.layout));
  const rest = model.layout === 'nchw' ? [3, SIZE, SIZE] : [SIZE, SIZE, 3];
  const area = 3 * SIZE * SIZE;
  const rows: number[][] = [];
  for (let n = 0; n < IMAGES; n++) {
    // One at a time; a fixed batch is filled with the same image.
    const count = model.batch ?? 1;
    const one = values.subarray(n * area, (n + 1) * area);
    const all = Float32Array.from({ length: count * area }, (_, k) => one[k % area]!);
    const tensor =
      model.dtype === 'F16'
        ? new ort.Tensor('float16', toFloat16(all), [count, ...rest])
        : model.dtype === 'U8'
          ? new ort.Tensor('uint8', Uint8Array.from(all), [count, ...rest])
          : new ort.Tensor('float32', all, [count, ...rest]);
    const result = await session.run({ [session.inputNames[0]!]: tensor });
    rows.push(Array.from(result[model.output ?? 'output']!.data as Float32Array).slice(0, model.bias.length));
  }
  await session.release();
  return rows;
}

const softmax = (values: number[]) => {
  const powers = values.map(Math.exp);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};

const unit = { colour: 'rgb', scale: '1/255' } as const;
const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } satisfies Partial<ForeignCard['input']>;
type Score = (values: number[]) => number;
const cases: [string, MeanModel, ForeignCard, Score][] = [
  [
    'two classes, softmax inside',
    { size: SIZE, layout: 'nchw', ...columns(2), head: 'Softmax' },
    { input: { size: SIZE, layout: 'nchw', ...unit }, output: { name: 'output', live: 1, activation: 'none' } },
    ([, live]) => live!,
  ],
  [
    'three logits, live the first, input from -1 to 1, batches of two',
    { size: SIZE, layout: 'nchw', ...columns(3), batch: 2, output: 'logits3' },
    {
      input: { size: SIZE, layout: 'nchw', ...unit, mean: [0.5, 0.5, 0.5], std: 0.5 },
      output: { name: 'logits3', live: 0, activation: 'softmax' },
    },
    (values) => softmax(values)[0]!,
  ],
  [
    'one logit, free size, standardised',
    { size: 'free', layout: 'nchw', ...columns(1) },
    { input: { size: SIZE, layout: 'nchw', ...unit, ...imagenet }, output: { activation: 'sigmoid' } },
    ([z]) => 1 / (1 + Math.exp(-z!)),
  ],
  [
    'one probability of an attack, several outputs, the input named',
    { size: SIZE, layout: 'nchw', ...columns(1), head: 'Sigmoid', input: 'face', output: 'attack', first: 'feature' },
    { input: { name: 'face', size: SIZE, ...unit }, output: { name: 'attack', live: 0 } },
    ([p]) => 1 - p!,
  ],
  [
    'channels last, blue first, 0...255, one image at a time',
    {
      size: SIZE,
      layout: 'nhwc',
      weight: weight.map((row) => row.slice(0, 2).map((w) => w / 99)),
      bias: [1, 0.5],
      batch: 1,
    },
    { input: { size: SIZE, layout: 'nhwc', colour: 'bgr', scale: 1 }, output: { live: 1, activation: 'softmax' } },
    (values) => softmax(values)[1]!,
  ],
  [
    'channels last, blue first, mean and std in that order',
    { size: SIZE, layout: 'nhwc', ...columns(2), head: 'Softmax' },
    { input: { size: SIZE, colour: 'bgr', scale: 0.00392156862745098, ...imagenet }, output: { live: 0 } },
    ([live]) => live!,
  ],
  [
    'channels first, blue first, mean and std in that order',
    { size: SIZE, layout: 'nchw', ...columns(3), batch: 8 },
    { input: { size: SIZE, colour: 'bgr', scale: '1/255', ...imagenet }, output: { live: 2, activation: 'softmax' } },
    (values) => softmax(values)[2]!,
  ],
  [
    'channels last, red first, a sigmoid for each class',
    { size: 'free', layout: 'nhwc', ...columns(2) },
    { input: { size: SIZE, layout: 'nhwc', ...unit }, output: { live: 0, activation: 'sigmoid' } },
    ([live]) => 1 / (1 + Math.exp(-live!)),
  ],
  [
    'float16 in and out',
    { size: SIZE, layout: 'nchw', ...columns(2), dtype: 'F16', half: true, head: 'Softmax' },
    { input: { size: SIZE, layout: 'nchw', ...unit }, output: { live: 1 } },
    ([, live]) => live!,
  ],
  [
    'bytes',
    {
      size: SIZE,
      layout: 'nhwc',
      weight: weight.map((row) => row.slice(0, 1).map((w) => w / 99)),
      bias: [0.2],
      dtype: 'U8',
    },
    { input: { layout: 'nhwc', colour: 'rgb', scale: 1 }, output: { activation: 'sigmoid' } },
    ([z]) => 1 / (1 + Math.exp(-z!)),
  ],
];

describe('a model that ldc did not write', () => {
  it.each(cases)('%s: scores are those of onnxruntime', async (title, described, card, score) => {
    const path = await put(at(`${title.replace(/\W+/g, '-')}.onnx`), meanModel(described));
    const rows = await direct(path, described, card);
    // float16 values as numbers: by hand, in double.
    const expected = described.half ? null : rows.map(score);
    const model = await loadModel(path, { card, threads: 1 });
    const verdicts = await predict(model, files);
    await model.release();
    const byHand = handScores(described, card, score);
    verdicts.forEach((verdict, n) => {
      expect(verdict.liveMap).toBeUndefined();
      if (expected) expect(Math.abs(verdict.score - expected[n]!)).toBeLessThan(1e-6);
      expect(Math.abs(verdict.score - byHand[n]!)).toBeLessThan(described.dtype === 'F16' ? 1e-3 : 1e-5);
      expect(verdict.decision).toBe(verdict.score >= 0.5 ? 'live' : 'spoof');
    });
    expect(new Set(verdicts.map((verdict) => verdict.score)).size).toBe(IMAGES);
    expect(model).toMatchObject({ foreign: `${title.replace(/\W+/g, '-')} (not trained by ldc)`, mapSize: null });
  });
});

/** The whole model in double, from pixels to the score. */
function handScores(model: MeanModel, card: ForeignCard, score: Score): number[] {
  const values = fed(card, model.layout);
  const area = SIZE * SIZE;
  return images.map((_, n) => {
    const means = [0, 1, 2].map((c) => {
      let sum = 0;
      for (let k = 0; k < area; k++)
        sum += values[model.layout === 'nchw' ? (3 * n + c) * area + k : 3 * (n * area + k) + c]!;
      return sum / area;
    });
    const logits = model.bias.map((b, j) => means.reduce((sum, mean, c) => sum + mean * model.weight[c]![j]!, b));
    if (model.head === 'Softmax') return score(softmax(logits));
    return score(model.head === 'Sigmoid' ? logits.map((z) => 1 / (1 + Math.exp(-z))) : logits);
  });
}

describe('a card that does not fit', () => {
  const good: ForeignCard = { input: { size: SIZE, layout: 'nchw', ...unit }, output: { live: 1 } };
  const change = (input: object, output: object = {}) =>
    ({ ...good, input: { ...good.input, ...input }, output: { ...good.output, ...output } }) as ForeignCard;
  const two: MeanModel = { size: SIZE, layout: 'nchw', ...columns(2), head: 'Softmax' };
  const one: MeanModel = { ...two, ...columns(1), head: 'Sigmoid' };

  it.each<[string, MeanModel, ForeignCard, RegExp]>([
    ['another size', two, change({ size: 80 }), /says input\.size 80, but .* takes pixels, float32 \[N,3,24,24\]/],
    ['another layout', two, change({ layout: 'nhwc' }), /says input\.layout nhwc.* but .* \[N,3,24,24\]/],
    ['another output', two, change({}, { name: 'scores' }), /says output\.name scores, but of outputs .* has output$/],
    ['another input', two, change({ name: 'x' }), /says input\.name x, but of inputs .* has pixels/],
    ['a class too many', two, change({}, { live: 2 }), /says output\.live 2, but .* has 2 values an image/],
    ['a class of one value', one, change({}, { live: 2 }), /says output\.live 2, but .* has 1 value an image/],
    ['softmax of one value', one, change({}, { activation: 'softmax' }), /softmax, which of one value is always 1/],
    ['no class named', two, { ...good, output: {} }, /does not say output\.live, .* gives output, float32 \[N,2\]/],
    ['several outputs', { ...two, first: 'f' }, good, /does not say output\.name, and .* has f, output/],
    ['a free size', { ...two, size: 'free' }, change({ size: undefined }), /does not say input\.size/],
    [
      'fractions for bytes',
      { ...two, dtype: 'U8' },
      good,
      /input\.scale, mean or std other than 1, 0 and 1, but .* uint8/,
    ],
    ['a division by 0', two, change({ std: [1, 0, 1] }), /input\.std 1,0,1: no value is divided by 0/],
    ['a colour', two, change({ colour: 'grey' }), /input\.colour: must be one of rgb, bgr/],
    ['a scale', two, change({ scale: '1/x' }), /input\.scale: must be a number, or two as 1\/255/],
    ['no colour', two, change({ colour: undefined }), /input\.colour: must be one of rgb, bgr/],
  ])('%s', async (_, described, card, message) => {
    const path = await put(at('misfit.onnx'), meanModel(described));
    expect((await failure(loadModel(path, { card }))).message).toMatch(message);
  });

  it('in a file is named with its line, also where it is a draft still', async () => {
    const path = await put(at('filed.onnx'), meanModel(two));
    const card = await put(
      at('filed.yaml'),
      'input:\n  size: 24\n  colour: rgb\n  scale: 1\n  means: 0\noutput:\n  live: 1\n',
    );
    const misnamed = await failure(openOnnx(path, { card }));
    expect(misnamed.message).toMatch(/unknown key input\.means, in .*filed\.yaml line 5/);
    expect(misnamed.hint).toBe('did you mean mean?');
    expect((await failure(openOnnx(path, {}))).message).toMatch(/not written by ldc export and has no card/);
    await put(at('filed.card.yaml'), cardDraft(await readOnnxFile(path)));
    expect((await failure(openOnnx(path, {}))).message).toMatch(
      /input\.colour is still to be filled in, in .* line \d/,
    );
  });
});

describe('the draft of a card', () => {
  it('holds what the graph tells; filled in, it is found beside the model and fits', async () => {
    const path = await put(
      at('drafted.onnx'),
      meanModel({ size: SIZE, layout: 'nhwc', ...columns(2), head: 'Softmax' }),
    );
    const file = await readOnnxFile(path);
    expect(file).toMatchObject({ producer: 'somebody 1', opset: 17, exported: null });
    expect(file.inputs).toEqual([{ name: 'pixels', isTensor: true, type: 'float32', shape: ['N', SIZE, SIZE, 3] }]);
    expect(file.outputs).toMatchObject([{ name: 'output', op: 'Softmax', shape: ['N', 2] }]);
    const draft = cardDraft(file);
    expect(draft).toMatch(/size: 24 .*\n {2}layout: nhwc .*\n {2}colour: \?\?\?/);
    expect(draft).toContain('activation: none');
    const filled = draft
      .replace('colour: ???', 'colour: rgb')
      .replace('scale: ???', 'scale: 1/255')
      .replace('live: ???', 'live: 1');
    await put(at('drafted.card.yaml'), `${filled}threshold: 0.7\nthreshold_from: the maker\n`);
    expect(await checkCardBeside(file)).toBe(at('drafted.card.yaml'));
    const model = await loadModel(path);
    const [verdict] = await predict(model, [await readFile(files[0]!)]);
    await model.release();
    expect(model.threshold).toEqual({ name: 'of its card: the maker', frame: 0.7, video: 0.7 });
    expect(verdict!.decision).toBe(verdict!.score >= 0.7 ? 'live' : 'spoof');
  });
});

describe('evaluated under a protocol', () => {
  const set = async (letter: string, subjects: number) => {
    const dir = at(`data/${letter}`);
    const frames: NewFrame[] = [];
    for (let s = 0; s < subjects; s++) {
      for (const label of ['live', 'spoof'] as const) {
        const path = `crops/${s}-${label}.png`;
        const level = (label === 'live' ? 140 : 90) + ((s * 37) % 60);
        const channels = { r: level, g: 255 - level, b: (s * 50) % 256 };
        await put(
          join(dir, path),
          await sharp({ create: { width: 30, height: 30, channels: 3, background: channels } })
            .png()
            .toBuffer(),
        );
        const [video, attackType] = [`${s}-${label}`, label === 'live' ? 'live' : 'print'];
        frames.push({ path, split: 'train', subject: `p${s}`, video, frame: 0, label, attackType, pai: '' });
      }
    }
    await writeCropSet(dir, { name: `set ${letter}`, letter }, frames);
  };

  it('gets its threshold from the development subjects of the sources, and says what it is', async () => {
    await set('A', 10);
    await set('B', 6);
    const path = await put(at('mean.onnx'), meanModel({ size: SIZE, layout: 'nchw', ...columns(1) }));
    const card: ForeignCard = { name: 'means', input: { ...unit }, output: { activation: 'sigmoid' } };
    const model = (await openOnnx(path, { card })) as ForeignModel;
    const config = await loadConfig(undefined, ['data.dev_fraction=0.5', 'data.cache=false']);
    const { evaluation } = await evaluateForeign(model, 'A-to-B', at('data'), config, { progress: silent });
    expect(headline(evaluation)).toBe('A-to-B · engine onnx, model means (not trained by ldc) · convention honest');

    const experiment = await openExperiment(parseProtocol('A-to-B'), config, at('data'));
    expect(experiment.dev).toHaveLength(10);
    const scoresOfFrames = async (frames: readonly Frame[]) =>
      scoresOf(
        (
          await predict(
            model,
            frames.map(({ path }) => path),
          )
        ).map(({ score }, i) => ({ ...frames[i]!, score })),
        'here',
      );
    const [dev, target] = [await scoresOfFrames(experiment.dev), await scoresOfFrames(targetFrames(experiment))];
    const expected = evaluateScores(target, dev);
    for (const level of ['frame', 'video'] as const) {
      expect(evaluation.levels[level].thresholds['source-dev-eer']).toEqual(
        expected[level].thresholds['source-dev-eer'],
      );
      expect(evaluation.levels[level].auc).toBe(expected[level].auc);
    }
    const alone = await evaluateForeign(model, 'C-to-B', at('data'), config, { progress: silent });
    await model.release();
    expect(alone.evaluation.levels.frame.auc).toBe(expected.frame.auc);
    expect(alone.evaluation.levels.frame.thresholds['source-dev-eer']).toMatchObject({
      value: null,
      why: expect.stringMatching(/lacks the source C/),
    });
  });
});

describe('scores in a program', () => {
  it('are evaluated as in a file', async () => {
    const row = { domain: 'M', frame: 0, subject: '' };
    const rows = [0.9, 0.4, 0.6, 0.1].map((score, i) => {
      const label = i < 2 ? ('live' as const) : ('spoof' as const);
      return { ...row, path: `${i}`, video: `${i}`, label, attackType: i < 2 ? 'live' : 'print', score };
    });
    const fromRows = await evaluate(rows, { development: rows });
    expect(fromRows.levels.frame.thresholds.fixed).toMatchObject({ far: 0.5, frr: 0.5 });
    const file = await put(at('scores.txt'), '0.9 1\n0.4 1\n0.6 0\n0.1 0\n');
    const fromFile = await evaluate(file, { development: file });
    for (const { levels } of [fromRows, fromFile]) {
      expect(levels.video.thresholds['source-dev-eer']).toMatchObject({ value: 0.6, far: 0.5, frr: 0.5 });
    }
    expect(fromFile.levels.frame.auc).toBe(fromRows.levels.frame.auc);
  });
});
