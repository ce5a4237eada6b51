/** Rates of the convolution kernels on the network's layers, direct, Winograd and in bf16, forward and both gradients. */
import { type Device, openDevice } from '../../src/engine/device.js';
import { type Conv2dDescription, convAlgorithms, convPasses, descriptors, dtypes } from '../../src/engine/native.js';
import { scope, Tensor } from '../../src/engine/tensor.js';
import { type ConvLayer, convLayers, flops, outputSide } from './layers.js';
import { type Spread, spreadOf } from './statistics.js';

export const passes = ['forward', 'data-grad', 'weight-grad'] as const;
export type Pass = (typeof passes)[number];

/** In float32, but for bf16, which chooses by itself. */
const algorithms = ['direct', 'winograd', 'bf16'] as const;
export type Algorithm = (typeof algorithms)[number];

export interface KernelTime {
  layer: ConvLayer;
  pass: Pass;
  algorithm: Algorithm;
  seconds: Spread;
  /** Of the direct sum, so that Winograd may exceed the peak. */
  gflops: number;
}

const kernelNames: Record<string, Pass> = {
  conv2d_forward: 'forward',
  conv2d_data_grad: 'data-grad',
  conv2d_weight_grad: 'weight-grad',
};

export async function* kernelTimes(
  size: number,
  batch: number,
  threads: number,
  repeats: number,
): AsyncGenerator<KernelTime> {
  const device = openDevice('cpu', { threads });
  for (const layer of convLayers(size)) {
    for (const algorithm of algorithms) {
      if (algorithm === 'winograd' && !fitsWinograd(layer)) continue;
      const times = await layerTimes(device, layer, batch, algorithm, repeats);
      for (const pass of passes) {
        const seconds = times.get(pass);
        if (seconds === undefined) continue;
        yield { layer, pass, algorithm, seconds, gflops: (flops(layer) * batch) / seconds.median / 1e9 };
      }
    }
  }
}

/** 3×3, stride 1, whole channel blocks: what the Winograd kernels take. */
function fitsWinograd({ kernel, stride, inn, out }: ConvLayer): boolean {
  return kernel === 3 && stride === 1 && inn % 16 === 0 && out % 16 === 0;
}

async function layerTimes(
  device: Device,
  layer: ConvLayer,
  batch: number,
  algorithm: Algorithm,
  repeats: number,
): Promise<Map<Pass, Spread>> {
  const times = new Map<Pass, number[]>();
  const run = layerCalls(device, layer, batch, algorithm);
  for (let i = 0; i <= repeats; i++) {
    for (const { name, seconds } of await device.profile(async () => run.submit())) {
      const pass = kernelNames[name];
      if (pass === undefined || i === 0) continue; // the first warms up
      times.set(pass, [...(times.get(pass) ?? []), seconds]);
    }
  }
  run.release();
  return new Map([...times].map(([pass, seconds]) => [pass, spreadOf(seconds)]));
}

/** The three passes on values that are all alike: kernels take the same time for any. */
function layerCalls(device: Device, layer: ConvLayer, batch: number, algorithm: Algorithm) {
  const { native } = device;
  const { inn, out, side, kernel, stride, padding } = layer;
  const descriptive = kernel === 3;
  const type = algorithm === 'bf16' ? 'bfloat16' : 'float32';
  const description: Conv2dDescription = {
    height: side,
    width: side,
    stride,
    padding,
    algorithm: convAlgorithms[algorithm === 'bf16' ? 'auto' : algorithm],
    dtype: dtypes[type],
    descriptor: descriptors[descriptive ? 'ldc' : 'vanilla'],
    constant: 0,
  };
  return scope(() => {
    const made: Tensor[] = [];
    const filled = (shape: readonly number[], layout: 'dense' | 'features' | 'packed' = 'dense') => {
      const tensor = Tensor.unowned(device, shape, layout === 'features' ? type : 'float32', layout);
      if (layout !== 'packed') native.fill(tensor.handle, 0.01);
      made.push(tensor);
      return tensor.handle;
    };
    const packed = (pass: 'forward' | 'dataGrad') =>
      filled([native.conv2d_packed_elements(description, out, inn, kernel, convPasses[pass])], 'packed');
    const [w, dw] = [filled([out, inn, kernel, kernel]), filled([out, inn, kernel, kernel])];
    const extra = (shape: readonly number[]) => (descriptive ? filled(shape) : null);
    const [m, dm, theta, dtheta] = [extra([out, inn]), extra([out, inn]), extra([1]), extra([1])];
    const [forward, turned] = [packed('forward'), packed('dataGrad')];
    const [x, dx] = [filled([batch, inn, side, side], 'features'), filled([batch, inn, side, side], 'features')];
    const end = outputSide(layer);
    const [y, dy] = [filled([batch, out, end, end], 'features'), filled([batch, out, end, end], 'features')];
    native.conv2d_pack(description, w, m, theta, convPasses.forward, forward);
    native.conv2d_pack(description, w, m, theta, convPasses.dataGrad, turned);
    const submit = () => {
      native.conv2d_forward(description, x, forward, kernel, null, y);
      // Nothing is in front of the images: their gradient is never asked for.
      if (inn !== 3) native.conv2d_data_grad(description, dy, turned, kernel, dx);
      native.conv2d_weight_grad(description, x, dy, w, m, theta, dw, dm, dtheta, null);
    };
    const release = () => {
      for (const tensor of made) tensor.release();
    };
    return { submit, release };
  });
}
