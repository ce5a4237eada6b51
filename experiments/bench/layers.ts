/** The convolutions of LDCNet, once each, at a given image size. */

export interface ConvLayer {
  name: string;
  /** Input channels and side, output channels, kernel, stride, padding. */
  inn: number;
  side: number;
  out: number;
  kernel: number;
  stride: number;
  padding: number;
}

/** @param size side of the images; 256 in the paper */
export function convLayers(size: number): ConvLayer[] {
  const layer = (name: string, inn: number, side: number, out: number, kernel = 3, stride = 1): ConvLayer => ({
    name,
    inn,
    side,
    out,
    kernel,
    stride,
    padding: Math.floor(kernel / 2),
  });
  const at = (divisor: number) => Math.max(1, Math.floor(size / divisor));
  return [
    layer('conv1', 3, size, 64, 7, 2),
    layer('layer1', 64, at(4), 64),
    layer('layer2.0', 64, at(4), 128, 3, 2),
    layer('layer2', 128, at(8), 128),
    layer('layer3.0', 128, at(8), 256, 3, 2),
    layer('layer3', 256, at(16), 256),
    layer('layer4.0', 256, at(16), 512, 3, 2),
    layer('layer4', 512, at(32), 512),
    layer('estimator 448-128', 448, at(8), 128),
    layer('estimator 128-64', 128, at(8), 64),
    layer('estimator 64-1', 64, at(8), 1),
    layer('shortcut 64-128', 64, at(4), 128, 1, 2),
    layer('shortcut 128-256', 128, at(8), 256, 1, 2),
    layer('shortcut 256-512', 256, at(16), 512, 1, 2),
  ];
}

/** Side of the output. */
export function outputSide({ side, kernel, stride, padding }: ConvLayer): number {
  return Math.floor((side + 2 * padding - kernel) / stride) + 1;
}

/** Operations of the direct sum for one image: a multiplication and an addition a tap. */
export function flops(layer: ConvLayer): number {
  return 2 * outputSide(layer) ** 2 * layer.out * layer.inn * layer.kernel ** 2;
}
