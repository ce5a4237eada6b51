/**
 * Looks at a step's losses and gradients before the optimiser spreads them: one number that is not finite would be in every weight a step
 * later. One kernel looks, and leaves its finding on the device, where the optimiser minds it without anybody waiting.
 */
import { WorkError } from '../base/errors.js';
import type { Device } from '../engine/device.js';
import { allFinite } from '../engine/optim/optimizers.js';
import { Tensor } from '../engine/tensor.js';
import type { Network } from '../method/method.js';

/** Loss, gradients or weights are not finite. */
export class Diverged extends WorkError {
  constructor(what: string, hint?: string) {
    super(`training diverged: ${what}`, hint);
  }
}

export class Health {
  /** 1 where the last step's losses and gradients are finite, else 0. */
  readonly finite: Tensor;
  private readonly learnt: { name: string; tensor: Tensor }[] = [];
  /** What a forward pass changes beside activations: running statistics, and their copies from before it. */
  private readonly buffers: { tensor: Tensor; copy: Tensor }[] = [];
  private readonly counters: { counter: { value: number }; before: number }[] = [];

  private readonly device: Device;

  /** @param companion what learns beside the network */
  constructor(network: Network, companion?: Network) {
    const { device } = network;
    this.device = device;
    this.finite = Tensor.unowned(device, [1]);
    for (const { name, tensor, trainable, counter, sameAs } of [...network.state(), ...(companion?.state() ?? [])]) {
      if (sameAs !== undefined) continue;
      if (counter !== undefined) this.counters.push({ counter, before: counter.value });
      else if (tensor === undefined) continue;
      else if (trainable) this.learnt.push({ name, tensor });
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

  /** Looks at the losses and at all gradients; what it finds is in `finite`. */
  look(losses: Iterable<Tensor>): void {
    allFinite([...losses, ...this.gradients().values()], this.finite);
  }

  /** The gradients there are, by what they are of. */
  gradients(): Map<Tensor, Tensor> {
    return new Map(this.learnt.flatMap(({ tensor }) => (tensor.grad === undefined ? [] : [[tensor, tensor.grad]])));
  }

  /** What is wrong, in words: the weights, or else the gradients that are not finite; undefined when all are. */
  async diagnosis(gradients: ReadonlyMap<Tensor, Tensor>): Promise<string | undefined> {
    const weights = await this.notFinite((tensor) => tensor);
    if (weights !== undefined) return `${weights} (weights)`;
    const found = await this.notFinite((tensor) => gradients.get(tensor));
    return found && `the gradient of ${found}`;
  }

  dispose(): void {
    this.finite.release();
    for (const { copy } of this.buffers) copy.release();
  }

  /** Backward comes to the last layers first: where it began is the last name. */
  private async notFinite(of: (tensor: Tensor) => Tensor | undefined): Promise<string | undefined> {
    const names: string[] = [];
    for (const { name, tensor } of this.learnt) {
      const values = of(tensor);
      if (values === undefined) continue;
      allFinite([values], this.finite);
      if ((await this.finite.item()) === 0) names.push(name);
    }
    if (names.length === 0) return undefined;
    return names.length === 1 ? names[0] : `${names.at(-1)} and ${names.length - 1} before it`;
  }
}
