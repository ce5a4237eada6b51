/** Initial values of parameters: computed on the host in double precision, so that every device starts from the same bits. */
import { Philox, purposes } from '../random.js';

/** Draws the parameters of one network in the order in which they are asked for. */
export class Initializer {
  private readonly random: Philox;

  constructor(seed: number) {
    this.random = new Philox(seed, purposes.init);
  }

  /** N(mean, std²) */
  normal(size: number, std: number, mean = 0): Float32Array {
    return Float32Array.from({ length: size }, () => mean + std * this.random.normal());
  }

  /** U(−bound, bound) */
  uniform(size: number, bound: number): Float32Array {
    return Float32Array.from({ length: size }, () => (2 * this.random.uniform() - 1) * bound);
  }

  /** He et al. (2015) for ReLU, fan-out: std = √(2 / (O·K²)); torchvision's choice for ResNet convolutions. */
  kaimingFanOut([out, inn, kernel]: readonly [number, number, number]): Float32Array {
    return this.normal(out * inn * kernel * kernel, Math.sqrt(2 / (out * kernel * kernel)));
  }

  /** PyTorch's default for convolutions and linear layers: U(±1/√fan-in). */
  torchDefault(size: number, fanIn: number): Float32Array {
    return this.uniform(size, 1 / Math.sqrt(fanIn));
  }
}

/** The same value everywhere. */
export function constant(size: number, value: number): Float32Array {
  return new Float32Array(size).fill(value);
}
