/** The workloads: one step of each stage of the product, on made-up pixels, through the same calls that the product makes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Augmentation, augmentedImages, drawView, noAugmentation } from '../../src/data/augmentation.js';
import { readImage } from '../../src/data/loader.js';
import { type Device, openDevice } from '../../src/engine/device.js';
import type { StateSource } from '../../src/engine/nn/module.js';
import { FrozenWeights } from '../../src/engine/ops/conv2d.js';
import { dropout } from '../../src/engine/ops/elementwise.js';
import { imagesToFeatures } from '../../src/engine/ops/images.js';
import { crossEntropy } from '../../src/engine/ops/losses.js';
import { Adam, allFinite, Sgd } from '../../src/engine/optim/optimizers.js';
import * as schedules from '../../src/engine/optim/schedules.js';
import { Philox, purposes } from '../../src/engine/random.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { features, scope, Tensor } from '../../src/engine/tensor.js';
import { EngineScorer } from '../../src/evaluate/engineEvaluator.js';
import { OnnxScorer } from '../../src/evaluate/onnxEvaluator.js';
import { encodeOnnx } from '../../src/formats/onnx.js';
import { ermLoss } from '../../src/method/erm/losses.js';
import { ErmNet } from '../../src/method/erm/network.js';
import { ActivationNet } from '../../src/method/ldcnet/activationNet.js';
import { gradCam } from '../../src/method/ldcnet/gradCam.js';
import { ldcNetGraph } from '../../src/method/ldcnet/graph.js';
import { ldcNetLoss } from '../../src/method/ldcnet/losses.js';
import { LdcNet } from '../../src/method/ldcnet/network.js';
import { quasiGroundTruth } from '../../src/method/ldcnet/quasiGroundTruth.js';
import { pixelScaling } from '../../src/method/normalize.js';
import { safasLoss } from '../../src/method/safas/losses.js';
import { SafasNet } from '../../src/method/safas/network.js';
import { ssdgLoss } from '../../src/method/ssdg/losses.js';
import { Discriminator, SsdgNet } from '../../src/method/ssdg/network.js';
import { defaultConfig } from '../../src/run/configuration.js';
import { scoringNetwork } from '../../src/run/engines.js';
import type { Workload } from './protocol.js';

/** Runs one step and resolves when its result is on the host. */
type Step = () => Promise<void>;

const unit = pixelScaling('unit');

export async function prepareStep(workload: Workload, device: Device, batch: number, size: number): Promise<Step> {
  const pixels = noise(batch * size * size * 3);
  const shape = [batch, size, size] as const;
  if (workload === 'ldcnet-train') return ldcNetStep(device, pixels, shape);
  if (workload === 'activation-train') return activationStep(device, pixels, shape);
  if (workload === 'erm-train') return ermStep(device, pixels, shape);
  if (workload === 'ssdg-train') return ssdgStep(device, pixels, shape);
  if (workload === 'safas-train') return safasStep(device, pixels, shape);
  if (workload === 'grad-cam') return gradCamStep(device, pixels, shape);
  if (workload === 'predict') return predictStep(device, batch, size);
  const scorer = new EngineScorer(device, scoringNetwork(defaultConfig, ldcNet(device, size)), 'unit');
  return async () => void (await scorer.score(pixels, batch, size));
}

/** The network exported as `ldc export` does it, LDC and batch norm folded, evaluated by onnxruntime. */
export async function prepareOnnxruntime(threads: number, batch: number, size: number): Promise<Step> {
  const net = ldcNet(openDevice('cpu', { threads: 1 }), size);
  const tensors = new Map(net.state().flatMap(({ name, tensor }) => (tensor ? [[name, tensor] as const] : [])));
  const state: StateSource = {
    origin: 'the benchmark',
    names: [...tensors.keys()],
    shape: (name) => tensors.get(name)!.shape,
    values: (name) => tensors.get(name)!.read(),
  };
  const shape = { conv: { kind: 'ldc', theta: 0.5 }, imageSize: size, mapSize: net.mapSize } as const;
  const graph = await ldcNetGraph(state, { ...shape, feature: false, half: false });
  const model = { name: 'ldcnet', producer: { name: 'bench', version: '0' }, metadata: {}, ...graph };
  net.dispose();
  const scorer = await OnnxScorer.open(encodeOnnx(model), 'the benchmark', { scaling: unit, threads });
  const pixels = noise(batch * size * size * 3);
  return async () => void (await scorer.score(pixels, batch, size));
}

function ldcNet(device: Device, size: number): LdcNet {
  return new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize: Math.min(32, size / 8), seed: 1 });
}

/** Forward, CE + γ (MSE + MSE) + β triplet, backward, Adam. */
function ldcNetStep(device: Device, pixels: Uint8Array, shape: readonly [number, number, number]): Step {
  const net = ldcNet(device, shape[1]);
  const parameters = net.parameters();
  const optimizer = new Adam(device, parameters, { lr: 1e-4 });
  const [batch] = shape;
  const rows = Array.from({ length: batch }, (_, i) => i);
  const maps = Float32Array.from(noise(batch * net.mapSize ** 2));
  const mapShape = [batch, 1, net.mapSize, net.mapSize];
  const settings = { gamma: 0.004, beta: 0.1, margin: 0.1, mining: 'batch-hard', squared: false } as const;
  let step = 0;
  return async () => {
    const loss = scope(() =>
      withTape(() => {
        const key = { seed: 1, purpose: purposes.dropout, step: step++ };
        const output = scope(() =>
          net.forward(imagesToFeatures(device, pixels, shape, unit), (x) => dropout(x, 0.5, key)),
        );
        const liveMap = features(device, maps, mapShape);
        const targets = {
          classes: rows.map((i) => i % 2),
          materials: rows.map((i) => i % 3),
          liveMap,
          spoofMap: liveMap,
        };
        const { loss } = ldcNetLoss(output, targets, settings);
        return optimise(loss, optimizer);
      }),
    );
    await settled(loss);
  };
}

function activationStep(device: Device, pixels: Uint8Array, shape: readonly [number, number, number]): Step {
  const net = new ActivationNet(device, { seed: 1 });
  const optimizer = new Adam(device, net.parameters(), { lr: 1e-4 });
  const classes = Array.from({ length: shape[0] }, (_, i) => i % 2);
  return async () => {
    const loss = scope(() =>
      withTape(() =>
        optimise(
          crossEntropy(
            scope(() => net.classify(imagesToFeatures(device, pixels, shape, unit))),
            classes,
          ),
          optimizer,
        ),
      ),
    );
    await settled(loss);
  };
}

const sources = 3;
/** Live and attack, sources, in turn. */
const targetsOf = (rows: number) => ({
  classes: Array.from({ length: rows }, (_, i) => i % 2),
  domains: Array.from({ length: rows }, (_, i) => Math.floor(i / 2) % sources),
});

/** SGD of SSDG and ERM. */
const sgdOptions = { lr: 1e-3, momentum: 0.9, weightDecay: 5e-4 };

/** Forward, cross entropy, backward, SGD; each image mirrored or not. */
function ermStep(device: Device, pixels: Uint8Array, shape: readonly [number, number, number]): Step {
  const net = new ErmNet(device, { seed: 1 });
  const optimizer = new Sgd(device, net.parameters(), sgdOptions);
  const { classes } = targetsOf(shape[0]);
  const images = augmentedBatches(device, pixels, shape, { ...noAugmentation, flip: 0.5 }, 1);
  return async () => {
    const loss = scope(() =>
      withTape(() =>
        optimise(
          ermLoss(
            scope(() => net.forward(images())),
            classes,
          ).loss,
          optimizer,
        ),
      ),
    );
    await settled(loss);
  };
}

/** Forward, cross entropy + triplet + domain adversary, backward, SGD. */
function ssdgStep(device: Device, pixels: Uint8Array, shape: readonly [number, number, number]): Step {
  const net = new SsdgNet(device, { seed: 1 });
  const discriminator = new Discriminator(device, { seed: 2, sources });
  const optimizer = new Sgd(device, [...net.parameters(), ...discriminator.parameters()], sgdOptions);
  const targets = targetsOf(shape[0]);
  const options = { lambdaTriplet: 1, lambdaDomain: 0.5, margin: 0.1, squared: false };
  const images = augmentedBatches(device, pixels, shape, { ...noAugmentation, flip: 0.5 }, 1);
  const coefficient = schedules.reversal({ length: 4000 });
  let step = 0;
  return async () => {
    const dropped = (purpose: number) => (x: Tensor) => dropout(x, 0.5, { seed: 1, purpose, step });
    step++;
    const reversed = { coefficient: coefficient(step), drop: dropped(purposes.adversary) };
    const loss = scope(() =>
      withTape(() => {
        const output = scope(() => net.forward(images(), dropped(purposes.dropout)));
        const judge = (rows: Tensor) => discriminator.forward(rows, reversed);
        return optimise(ssdgLoss(output, targets, judge, options).loss, optimizer);
      }),
    );
    await settled(loss);
  };
}

/** Half as many images as rows, two views each: rotation, crop, mirror image; heads + contrastive loss, backward, SGD, alignment. */
function safasStep(device: Device, pixels: Uint8Array, [rows, ...side]: readonly [number, number, number]): Step {
  const net = new SafasNet(device, { heads: sources, seed: 1 });
  const optimizer = new Sgd(device, net.parameters(), { ...sgdOptions, lr: 5e-3 });
  const count = Math.ceil(rows / 2);
  const once = targetsOf(count);
  const targets = { classes: [...once.classes, ...once.classes], domains: [...once.domains, ...once.domains] };
  const options = { supconWeight: 0.1, temperature: 0.1, baseTemperature: 0.07 };
  const augmentation = { ...noAugmentation, rotation: 180, crop: [0.2, 1], flip: 0.5 } as const;
  const half = pixels.subarray(0, count * side[0] * side[1] * 3);
  const images = augmentedBatches(device, half, [count, ...side], augmentation, 2);
  return async () => {
    const loss = scope(() =>
      withTape(() => {
        const made = optimise(
          safasLoss(
            scope(() => net.forward(images())),
            targets,
            options,
          ).loss,
          optimizer,
        );
        net.align(0.995);
        return made;
      }),
    );
    await settled(loss);
  };
}

/** The same pixels as another batch each time: views of an epoch further. */
function augmentedBatches(
  device: Device,
  pixels: Uint8Array,
  [count, side]: readonly [number, number, number],
  augmentation: Augmentation,
  views: number,
): () => Tensor {
  const scaling = pixelScaling('imagenet');
  let epoch = 0;
  return () => {
    const rows = Array.from({ length: count * views }, (_, row) => {
      const [image, view] = [row % count, Math.floor(row / count)];
      return { image, view: drawView(augmentation, { seed: 1, epoch, image, view }, side) };
    });
    epoch++;
    return augmentedImages(device, pixels, [count, side], rows, { interpolation: 'nearest', scaling });
  };
}

function optimise(loss: Tensor, optimizer: Adam | Sgd): Tensor {
  backward([{ tensor: loss }], optimizer.parameters);
  scope(() => {
    const finite = new Tensor(loss.device, [1]);
    allFinite([loss, ...optimizer.parameters.flatMap(({ grad }) => grad ?? [])], finite);
    optimizer.step(finite);
  });
  clearGrads(optimizer.parameters);
  return loss;
}

/** Maps as stage 1 writes them. */
function gradCamStep(device: Device, pixels: Uint8Array, shape: readonly [number, number, number]): Step {
  const net = new ActivationNet(device, { seed: 1 }).train(false);
  const frozen = new FrozenWeights();
  const classes = Array.from({ length: shape[0] }, () => 1);
  return async () => {
    const maps = scope(() => {
      const { raw } = frozen.use(() => gradCam(net, imagesToFeatures(device, pixels, shape, unit), classes));
      return quasiGroundTruth(raw, [shape[1], shape[2]], 32);
    });
    await settled(maps);
  };
}

/** `batch` JPEG files, one after the other, as `ldc predict` takes them. */
async function predictStep(device: Device, batch: number, size: number): Promise<Step> {
  const folder = mkdtempSync(join(tmpdir(), 'ldc-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const files = await Promise.all(
    Array.from({ length: batch }, async (_, i) => {
      const path = join(folder, `${i}.jpg`);
      await sharp(noise(size * size * 3), { raw: { width: size, height: size, channels: 3 } })
        .blur(2)
        .jpeg()
        .toFile(path);
      return path;
    }),
  );
  const scorer = new EngineScorer(device, scoringNetwork(defaultConfig, ldcNet(device, size)), 'unit');
  return async () => {
    for (const file of files) await scorer.score(await readImage(file, size), 1, size);
  };
}

async function settled(tensor: Tensor): Promise<void> {
  const values = tensor.read();
  tensor.release();
  await values;
}

function noise(count: number): Uint8Array {
  const random = new Philox(1, purposes.synth);
  return Uint8Array.from({ length: count }, () => random.nextUint32() >>> 24);
}
