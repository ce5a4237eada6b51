/** How a number changes in the course of training: learning rates, the coefficient of a gradient reversal. Pure functions of the time. */

/** A value for epoch or step `at`, counted from 0. */
export type Schedule = (at: number) => number;

export function constant(value: number): Schedule {
  return () => value;
}

/** value · gamma^⌊at / every⌋ (PyTorch's StepLR). */
export function steps(value: number, { every, gamma }: { every: number; gamma: number }): Schedule {
  return (at) => value * gamma ** Math.floor(at / every);
}

/**
 * A tenth of the value (or `gamma`) for each end that has passed: `value` up to and with the first ends[0] epochs, value · gamma up to and with
 * ends[1], and so on. An end of 0 skips its phase. Epochs last `length` (1: `at` counts epochs); SSDG's: ends [0, 150], length 10
 * (methods, section 2.5).
 */
export function phases(
  value: number,
  { ends, length = 1, gamma = 0.1 }: { ends: readonly number[]; length?: number; gamma?: number },
): Schedule {
  return (at) => {
    const epoch = Math.floor(at / length) + 1;
    return value * gamma ** ends.filter((end) => epoch > end).length;
  };
}

/** Half a cosine from `value` at 0 to `end` at `length`, and `end` from there on (Loshchilov & Hutter, 2017, without restarts). */
export function cosine(value: number, { length, end = 0 }: { length: number; end?: number }): Schedule {
  return (at) => end + ((value - end) * (1 + Math.cos((Math.PI * Math.min(at, length)) / length))) / 2;
}

/** Rises evenly to the schedule's own value: (at + 1) / length of it before `length`, all of it from there on. */
export function warmUp(schedule: Schedule, length: number): Schedule {
  return (at) => schedule(at) * Math.min(1, (at + 1) / Math.max(1, length));
}

/**
 * Of a gradient reversal: from `low` (at 0) to `high`, 2 (high − low) / (1 + exp(−alpha t / length)) − (high − low) + low, which goes on beyond
 * `length`. The released programs raise t before they use it: their step k, counted from 0, has t = k + 1 (methods, section 2.3).
 */
export function reversal({
  length,
  alpha = 10,
  low = 0,
  high = 1,
}: {
  length: number;
  alpha?: number;
  low?: number;
  high?: number;
}): Schedule {
  return (t) => (2 * (high - low)) / (1 + Math.exp((-alpha * t) / length)) - (high - low) + low;
}
