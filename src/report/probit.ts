/** The normal deviate scale of DET plots. */
import { twoSidedNormalTail } from '../evaluate/delong.js';

/** The z with P(Z <= z) = `share`, 0 < share < 1, by bisection to 1e-12. */
export function probit(share: number): number {
  let low = -40;
  let high = 40;
  while (high - low > 1e-12) {
    const middle = (low + high) / 2;
    const below = middle < 0 ? twoSidedNormalTail(middle) / 2 : 1 - twoSidedNormalTail(middle) / 2;
    if (below < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
