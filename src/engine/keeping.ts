/**
 * What a tape keeps for its backward pass: tensors, and in the place of those that have a recipe what the recipe reads.
 *
 * A tensor with a recipe is computed again when the first operation that saved it is differentiated, and freed after the last.
 */
import type { Tensor } from './tensor.js';

export class Keeping {
  /** Of tensors with a recipe: how many operations ahead of the walk have saved them, directly or through another recipe. */
  private readonly savedBy = new Map<Tensor, number>();
  /** Of those, which are there now because the walk wanted them. */
  private readonly present = new Set<Tensor>();

  /** For one operation that saves `tensor`. */
  keep(tensor: Tensor): void {
    if (tensor.recipe === undefined) {
      tensor.retain();
      return;
    }
    this.savedBy.set(tensor, (this.savedBy.get(tensor) ?? 0) + 1);
    for (const input of tensor.recipe.inputs) this.keep(input);
  }

  /** Before an operation that has saved `tensor` is differentiated. */
  want(tensor: Tensor): void {
    if (tensor.recipe === undefined || this.present.has(tensor)) return;
    if (tensor.freed) {
      for (const input of tensor.recipe.inputs) this.want(input);
      tensor.restore();
    } else {
      tensor.retain();
    }
    this.present.add(tensor);
  }

  /** Takes one `keep` back. */
  forget(tensor: Tensor): void {
    if (tensor.recipe === undefined) {
      tensor.release();
      return;
    }
    const rest = this.savedBy.get(tensor)! - 1;
    this.savedBy.set(tensor, rest);
    if (rest === 0 && this.present.delete(tensor)) tensor.release();
    for (const input of tensor.recipe.inputs) this.forget(input);
  }
}
