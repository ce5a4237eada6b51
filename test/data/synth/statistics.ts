/** What a lazy detector would look at (means, variance, file length), what an honest one would (texture), and how well it does. */
import sharp from 'sharp';

export interface Sample {
  live: boolean;
  /** Mean red, green, blue and luminance, variance of luminance, bytes of the file. */
  simple: number[];
  /** Shape of the spectrum of luminance and of red difference: differences at short distances relative to long ones. */
  texture: number[];
}

export const simpleNames = ['red', 'green', 'blue', 'luminance', 'variance', 'bytes'] as const;

export async function measure(file: Buffer, live: boolean): Promise<Sample> {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  const side = info.width;
  const pixels = side * info.height;
  const means = [0, 0, 0];
  const luma = new Float64Array(pixels);
  const red = new Float64Array(pixels);
  for (let i = 0; i < pixels; i++) {
    const [r, g, b] = [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!];
    luma[i] = 0.299 * r + 0.587 * g + 0.114 * b;
    red[i] = r - luma[i]!;
    [r, g, b].forEach((value, c) => {
      means[c]! += value / pixels;
    });
  }
  const mean = luma.reduce((sum, y) => sum + y, 0) / pixels;
  const variance = luma.reduce((sum, y) => sum + (y - mean) ** 2, 0) / pixels;
  return {
    live,
    simple: [...means, mean, variance, file.length],
    texture: [...differences(luma, side), ...differences(red, side)],
  };
}

const distances = [
  [1, 0],
  [0, 1],
  [2, 0],
  [0, 2],
  [3, 0],
  [0, 3],
  [4, 0],
  [0, 4],
  [1, 1],
  [2, 2],
  [3, 3],
] as const;

function differences(values: Float64Array, side: number): number[] {
  const energy = (dx: number, dy: number) => {
    let sum = 0;
    for (let y = 0; y < side - 8; y++) {
      for (let x = 0; x < side - 8; x++) sum += (values[y * side + x]! - values[(y + dy) * side + x + dx]!) ** 2;
    }
    return Math.log(sum / (side * side) + 1);
  };
  const far = (energy(6, 0) + energy(0, 6)) / 2;
  return distances.map(([dx, dy]) => energy(dx, dy) - far);
}

/** Share of pairs (live, attack) in which the live one has more; ties count half. */
export function auc(live: readonly number[], attack: readonly number[]): number {
  let wins = 0;
  for (const a of live) for (const b of attack) wins += a > b ? 1 : a === b ? 0.5 : 0;
  return wins / (live.length * attack.length);
}

/** AUC on `test` of a logistic regression on the standardised features of `train`, classes weighted alike. */
export function transferAuc(train: readonly Sample[], test: readonly Sample[], pick: (s: Sample) => number[]): number {
  const size = pick(train[0]!).length;
  const mean = Array.from({ length: size }, (_, j) => train.reduce((sum, s) => sum + pick(s)[j]!, 0) / train.length);
  const scale = mean.map((m, j) =>
    Math.sqrt(train.reduce((sum, s) => sum + (pick(s)[j]! - m) ** 2, 0) / train.length + 1e-9),
  );
  const standardise = (s: Sample) => pick(s).map((value, j) => (value - mean[j]!) / scale[j]!);
  const rows = train.map((s) => ({ x: standardise(s), live: s.live }));
  const share = rows.filter(({ live }) => live).length / rows.length;
  const weights = new Array<number>(size + 1).fill(0);
  const score = (x: readonly number[]) => x.reduce((sum, value, j) => sum + value * weights[j]!, weights[size]!);
  for (let step = 0; step < 500; step++) {
    const gradient = new Array<number>(size + 1).fill(0);
    for (const { x, live } of rows) {
      const error = (1 / (1 + Math.exp(-score(x))) - (live ? 1 : 0)) / (live ? 2 * share : 2 * (1 - share));
      x.forEach((value, j) => {
        gradient[j]! += error * value;
      });
      gradient[size]! += error;
    }
    for (let j = 0; j <= size; j++)
      weights[j]! -= 0.3 * (gradient[j]! / rows.length + (j < size ? 0.01 * weights[j]! : 0));
  }
  const scores = (live: boolean) => test.filter((s) => s.live === live).map((s) => score(standardise(s)));
  return auc(scores(true), scores(false));
}
