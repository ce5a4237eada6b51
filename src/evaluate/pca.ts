/**
 * Principal components of a cloud of points (Pearson 1901; Hotelling 1933), for pictures of features. Block Krylov subspace with the Rayleigh-Ritz step
 * (Parlett, The Symmetric Eigenvalue Problem, 1998, ch. 11 and 13): the d × d covariance is never made, a vector of the subspace costs O(n d).
 */

export interface Principal {
  /** Unit vectors of length d, the direction of most variance first; the entry of largest magnitude is positive. */
  axes: Float64Array[];
  /** Sample variance (over n − 1) along each axis. */
  variances: number[];
  /** The same as shares of the variance over all dimensions; 0 where all points are equal. */
  shares: number[];
  /** `coordinates[i][k]`: point i along axis k, the mean being 0. */
  coordinates: number[][];
}

/** Vectors of a block beyond the axes asked for: they keep close and equal variances apart. */
const SPARE = 2;
/** Size of the subspace at the first look; it doubles from look to look. */
const FIRST_LOOK = 16;
/** Residual |C v − λ v| / λ₁ at which an axis is good enough; the error of its variance is of the order of the square. */
const TOLERANCE = 1e-7;

type Vectors = Float64Array[];

/**
 * @param points n ≥ 2 of equal length d, finite
 * @param count of axes; where the points span fewer directions, the others have variance 0 and coordinates 0
 */
export function principalComponents(points: readonly ArrayLike<number>[], count: number): Principal {
  const { centred, total } = centredPoints(points);
  const d = centred[0]!.length;
  const ritz = leadingEigenvectors(centred, count);
  const axes = ritz.vectors.map(signed);
  const variances = ritz.values.map((value) => Math.max(0, value));
  while (axes.length < count) {
    axes.push(new Float64Array(d));
    variances.push(0);
  }
  return {
    axes,
    variances,
    shares: variances.map((variance) => (total > 0 ? variance / total : 0)),
    coordinates: centred.map((point) => axes.map((axis) => dot(point, axis))),
  };
}

/** The points less their mean, and the sum of the variances of all dimensions. */
function centredPoints(points: readonly ArrayLike<number>[]): { centred: Vectors; total: number } {
  const mean = new Float64Array(points[0]!.length);
  for (const point of points) for (let j = 0; j < mean.length; j++) mean[j]! += point[j]! / points.length;
  const centred = points.map((point) => mean.map((value, j) => point[j]! - value));
  return { centred, total: centred.reduce((sum, point) => sum + dot(point, point), 0) / (points.length - 1) };
}

/** Grows the subspace by the covariance times its newest vectors until its best `count` directions solve the eigenvalue equation. */
function leadingEigenvectors(centred: Vectors, count: number): Ritz {
  const basis: Vectors = [];
  const images: Vectors = [];
  let block = startVectors(centred, count + SPARE);
  for (let look = FIRST_LOOK; ; ) {
    const added = orthonormalTo(basis, block);
    basis.push(...added);
    block = added.map((vector) => covarianceTimes(centred, vector));
    images.push(...block);
    const complete = added.length === 0;
    if (!complete && basis.length < look) continue;
    const ritz = rayleighRitz(basis, images, count);
    if (complete || settled(ritz)) return ritz;
    look = 2 * basis.length;
  }
}

/** Sums of the points with weights that differ from vector to vector: they have a part in every direction that the points span. */
function startVectors(centred: Vectors, size: number): Vectors {
  return Array.from({ length: size }, (_, k) =>
    combination(
      centred,
      centred.map((_, i) => Math.cos((i + 1) * (k + 1))),
    ),
  );
}

interface Ritz {
  /** Estimates of the largest eigenvalues of the covariance, falling, and their vectors. */
  values: number[];
  vectors: Vectors;
  /** The covariance times each vector. */
  images: Vectors;
}

/** The `count` best eigenvectors of the covariance in the span of an orthonormal basis, given the covariance times each vector of it. */
function rayleighRitz(basis: Vectors, images: Vectors, count: number): Ritz {
  const { values, vectors } = symmetricEigen(basis.map((v) => images.map((image) => dot(v, image))));
  const weights = vectors.slice(0, count);
  return {
    values: values.slice(0, count),
    vectors: weights.map((each) => combination(basis, each)),
    images: weights.map((each) => combination(images, each)),
  };
}

function combination(vectors: Vectors, weights: readonly number[]): Float64Array {
  const sum = new Float64Array(vectors[0]!.length);
  for (const [k, weight] of weights.entries()) addScaled(sum, vectors[k]!, weight);
  return sum;
}

function settled({ values, vectors, images }: Ritz): boolean {
  return vectors.every((vector, k) => {
    const residual = images[k]!.slice();
    addScaled(residual, vector, -values[k]!);
    return norm(residual) <= TOLERANCE * values[0]!;
  });
}

function covarianceTimes(centred: Vectors, vector: Float64Array): Float64Array {
  const product = new Float64Array(vector.length);
  for (const point of centred) addScaled(product, point, dot(point, vector) / (centred.length - 1));
  return product;
}

/** What of `vectors` is new to an orthonormal basis, orthonormal to it and to each other: Gram-Schmidt, twice for accuracy. */
function orthonormalTo(basis: Vectors, vectors: Vectors): Vectors {
  const added: Vectors = [];
  for (const vector of vectors) {
    const rest = vector.slice();
    const before = norm(rest);
    for (let pass = 0; pass < 2; pass++)
      for (const other of [...basis, ...added]) addScaled(rest, other, -dot(rest, other));
    const length = norm(rest);
    if (length > 1e-12 * before) added.push(rest.map((value) => value / length));
  }
  return added;
}

/**
 * Eigenvalues, falling, and unit eigenvectors of a small symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5).
 */
export function symmetricEigen(matrix: readonly (readonly number[])[]): { values: number[]; vectors: number[][] } {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const vectors = a.map((_, i) => a.map((_, j) => Number(i === j)));
  const offDiagonal = () => a.reduce((sum, row, i) => row.reduce((s, x, j) => (i === j ? s : s + x * x), sum), 0);
  const scale = a.reduce((sum, row) => row.reduce((s, x) => s + x * x, sum), 0);
  while (offDiagonal() > 1e-30 * scale) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, p, q);
  }
  const order = a.map((row, i) => ({ value: row[i]!, vector: vectors[i]! })).sort((x, y) => y.value - x.value);
  return { values: order.map(({ value }) => value), vectors: order.map(({ vector }) => vector) };
}

/** Makes a[p][q] zero by a rotation of rows and columns p and q; the rows of `vectors` turn with them. */
function rotate(a: number[][], vectors: number[][], p: number, q: number): void {
  if (a[p]![q] === 0) return;
  const tau = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  const turn = (rows: number[][], k: number) => {
    const [x, y] = [rows[p]![k]!, rows[q]![k]!];
    rows[p]![k] = c * x - s * y;
    rows[q]![k] = s * x + c * y;
  };
  for (let k = 0; k < a.length; k++) turn(a, k);
  for (const row of a) [row[p], row[q]] = [c * row[p]! - s * row[q]!, s * row[p]! + c * row[q]!];
  for (let k = 0; k < a.length; k++) turn(vectors, k);
}

/** Of the two directions of an axis the one whose largest entry is positive. */
function signed(axis: Float64Array): Float64Array {
  const largest = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? axis.map((value) => -value) : axis;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function norm(vector: Float64Array): number {
  return Math.sqrt(dot(vector, vector));
}

function addScaled(to: Float64Array, vector: ArrayLike<number>, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += factor * vector[i]!;
}
