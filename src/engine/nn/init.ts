/** Initial values of parameters: computed on the host in double precision, so that every device starts from the same bits. */
import { Philox, purposes } from '../random.js';

/** Draws the parameters of one network in the order in which they are asked for. */
export class Initializer {
  private readonly random: Philox | null;

  /** @param seed null draws nothing, all values are 0: for a network that weights are loaded into, which starts seconds sooner */
  constructor(seed: number | null) {
    this.random = seed === null ? null : new Philox(seed, purposes.init);
  }

  /** N(mean, std²) */
  normal(size: number, std: number, mean = 0): Float32Array {
    return this.draw(size, (random) => mean + std * random.normal());
  }

  /** U(−bound, bound) */
  uniform(size: number, bound: number): Float32Array {
    return this.draw(size, (random) => (2 * random.uniform() - 1) * bound);
  }

  private draw(size: number, value: (random: Philox) => number): Float32Array {
    const { random } = this;
    return random === null ? new Float32Array(size) : Float32Array.from({ length: size }, () => value(random));
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
