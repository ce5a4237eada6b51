/** The normal distribution, for tests and for the normal deviate scale of DET plots. */

/** P(|Z| >= |z|) for a standard normal Z, relative error below 1e-12. */
export function twoSidedNormalTail(z: number): number {
  const x = Math.abs(z);
  return x < 2.5 ? 1 - centralProbability(x) : tailFraction(x);
}

/** P(|Z| <= x) by the series of Abramowitz and Stegun 26.2.11, whose terms are all positive. */
function centralProbability(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 2 * sum * density(x);
}

/** P(|Z| >= x) by the continued fraction of Abramowitz and Stegun 26.2.14, from the inside out. */
function tailFraction(x: number): number {
  let fraction = x;
  for (let k = 200; k >= 1; k--) fraction = x + k / fraction;
  return (2 * density(x)) / fraction;
}

function density(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

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
