/** The workloads: one step of each stage of the product, on made-up pixels, through the same calls that the product makes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { readImage } from '../../src/data/loader.js';
import { type Device, openDevice } from '../../src/engine/device.js';
import type { StateSource } from '../../src/engine/nn/module.js';
import { FrozenWeights } from '../../src/engine/ops/conv2d.js';
import { dropout } from '../../src/engine/ops/elementwise.js';
import { imagesToFeatures } from '../../src/engine/ops/images.js';
import { crossEntropy } from '../../src/engine/ops/losses.js';
import { Adam } from '../../src/engine/optim/optimizers.js';
import { Philox, purposes } from '../../src/engine/random.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { features, scope, type Tensor } from '../../src/engine/tensor.js';
import { EngineScorer } from '../../src/evaluate/engineEvaluator.js';
import { OnnxScorer } from '../../src/evaluate/onnxEvaluator.js';
import { encodeOnnx } from '../../src/formats/onnx.js';
import { ActivationNet } from '../../src/method/ldcnet/activationNet.js';
import { gradCam } from '../../src/method/ldcnet/gradCam.js';
import { ldcNetGraph } from '../../src/method/ldcnet/graph.js';
import { ldcNetLoss } from '../../src/method/ldcnet/losses.js';
import { LdcNet } from '../../src/method/ldcnet/network.js';
import { quasiGroundTruth } from '../../src/method/ldcnet/quasiGroundTruth.js';
import { pixelScaling } from '../../src/method/normalize.js';
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

function optimise(loss: Tensor, optimizer: Adam): Tensor {
  backward([{ tensor: loss }], optimizer.parameters);
  optimizer.step();
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
