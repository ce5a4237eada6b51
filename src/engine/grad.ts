/** Differentiation as a function: for programs that use the engine without a training loop of ours. */
import { backward, withTape } from './tape.js';
import { scope, type Tensor, zerosLike } from './tensor.js';

/**
 * The value of `body`, a scalar, and its gradient with respect to each tensor in `of`; zeros where it does not depend on one. Value and
 * gradients are the caller's to release.
 *
 *     const { value, gradients } = grad(() => mse(net.forward(x), y), net.parameters());
 *
 * @throws Error when `body` returns no scalar
 */
export function grad(body: () => Tensor, of: readonly Tensor[]): { value: Tensor; gradients: Tensor[] } {
  const before = of.map((tensor) => tensor.requiresGrad);
  for (const tensor of of) tensor.requiresGrad = true;
  try {
    const value = scope(() =>
      withTape(() => {
        const result = body();
        if (result.size !== 1) throw new Error(`grad() needs a scalar, not a tensor of shape [${result.shape}]`);
        backward([{ tensor: result }], of);
        return result;
      }),
    );
    const gradients = of.map((tensor) => {
      const gradient = tensor.grad ?? zerosLike(tensor);
      tensor.grad = undefined;
      return gradient;
    });
    return { value, gradients };
  } finally {
    of.forEach((tensor, i) => {
      tensor.requiresGrad = before[i]!;
    });
  }
}
