/** The score of classifiers with two classes. */
import { liveClass } from './method.js';

/** softmax(logits)[live] of one image's logits [2], in double. */
export function softmaxScore(logits: ArrayLike<number>): number {
  return 1 / (1 + Math.exp(logits[1 - liveClass]! - logits[liveClass]!));
}
