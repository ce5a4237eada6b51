/**
 * Looks at a step's gradients before the optimiser spreads them: one number that is not finite would be in every weight a step later.
 * The test is a kernel that every device has: the squared error of a tensor and itself is 0, unless it holds NaN or infinity.
 */
import { WorkError } from '../base/errors.js';
import type { Device } from '../engine/device.js';
import { Tensor } from '../engine/tensor.js';
import type { Network } from '../method/method.js';

/** Loss, gradients or weights are not finite. */
export class Diverged extends WorkError {
  constructor(what: string, hint?: string) {
    super(`training diverged: ${what}`, hint);
  }
}

export class Health {
  private readonly learnt: { name: string; tensor: Tensor; flag: Tensor }[] = [];
  /** What a forward pass changes beside activations: running statistics, and their copies from before it. */
  private readonly buffers: { tensor: Tensor; copy: Tensor }[] = [];
  private readonly counters: { counter: { value: number }; before: number }[] = [];
  private readonly total: Tensor;

  private readonly device: Device;

  /** @param companion what learns beside the network */
  constructor(network: Network, companion?: Network) {
    const { device } = network;
    this.device = device;
    this.total = Tensor.unowned(device, [1]);
    for (const { name, tensor, trainable, counter, sameAs } of [...network.state(), ...(companion?.state() ?? [])]) {
      if (sameAs !== undefined) continue;
      if (counter !== undefined) this.counters.push({ counter, before: counter.value });
      else if (tensor === undefined) continue;
      else if (trainable) this.learnt.push({ name, tensor, flag: Tensor.unowned(device, [1]) });
      else this.buffers.push({ tensor, copy: Tensor.unowned(device, tensor.shape, tensor.dtype, tensor.layout) });
    }
  }

  /** Keeps the running statistics as they are now, for `restore`. */
  remember(): void {
    for (const { tensor, copy } of this.buffers) this.device.native.scale(tensor.handle, 1, copy.handle);
    for (const each of this.counters) each.before = each.counter.value;
  }

  /** Puts back what `remember` kept: the step had no effect. */
  restore(): void {
    for (const { tensor, copy } of this.buffers) this.device.native.scale(copy.handle, 1, tensor.handle);
    for (const { counter, before } of this.counters) counter.value = before;
  }

  /** Whether all gradients are finite; settles when the device has come there. */
  async gradientsAreFinite(): Promise<boolean> {
    const { native } = this.device;
    native.fill(this.total.handle, 0);
    for (const { tensor, flag } of this.learnt) {
      if (tensor.grad === undefined) continue;
      native.mse(tensor.grad.handle, tensor.grad.handle, flag.handle, null);
      native.accumulate(flag.handle, this.total.handle);
    }
    return (await this.total.item()) === 0;
  }

  /** What is wrong, in words: the weights, or else the gradients that are not finite; undefined when all are. */
  async diagnosis(): Promise<string | undefined> {
    const weights = await this.notFinite((tensor) => tensor);
    if (weights !== undefined) return `${weights} (weights)`;
    const gradients = await this.notFinite((tensor) => tensor.grad);
    return gradients && `the gradient of ${gradients}`;
  }

  dispose(): void {
    this.total.release();
    for (const { flag } of this.learnt) flag.release();
    for (const { copy } of this.buffers) copy.release();
  }

  /** Backward comes to the last layers first: where it began is the last name. */
  private async notFinite(of: (tensor: Tensor) => Tensor | undefined): Promise<string | undefined> {
    const { native } = this.device;
    const names: string[] = [];
    for (const { name, tensor, flag } of this.learnt) {
      const handle = of(tensor)?.handle;
      if (handle === undefined) continue;
      native.mse(handle, handle, flag.handle, null);
      if ((await flag.item()) !== 0) names.push(name);
    }
    if (names.length === 0) return undefined;
    return names.length === 1 ? names[0] : `${names.at(-1)} and ${names.length - 1} before it`;
  }
}
