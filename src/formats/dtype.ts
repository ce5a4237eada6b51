/** Element types of tensors in files: their widths, their typed arrays, and widening to float32. */

/** Element types, named as in safetensors. */
export type Dtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** What holds the elements of a tensor: half types as their 16 bits, booleans as bytes (0 is false). */
export type TensorData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/** A tensor outside the engine: `data` holds the elements in row-major order. A scalar has the shape `[]`. */
export interface FileTensor {
  dtype: Dtype;
  shape: number[];
  data: TensorData;
}

type ArrayType = new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => TensorData;

const arrayTypes: Record<Dtype, ArrayType> = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

const widths: Record<Dtype, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Bytes of one element. */
export function widthOf(dtype: Dtype): number {
  return widths[dtype];
}

/** Whether `name` is an element type this toolkit reads and writes. */
export function isDtype(name: unknown): name is Dtype {
  return typeof name === 'string' && Object.hasOwn(widths, name);
}

/** Number of elements of `shape`, or null when it is not a shape: a negative or broken extent, or a count beyond 2^53. */
export function countOf(shape: readonly unknown[]): number | null {
  let count = 1;
  for (const extent of shape) {
    if (typeof extent !== 'number' || !Number.isSafeInteger(extent) || extent < 0) return null;
    count *= extent;
    if (!Number.isSafeInteger(count)) return null;
  }
  return count;
}

/** The elements in `bytes`, which must start at the beginning of its buffer (little-endian, as this machine). */
export function viewAs(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>): TensorData {
  return new arrayTypes[dtype](bytes.buffer, bytes.byteOffset, bytes.byteLength / widths[dtype]);
}

/** The bytes of `data`, not copied. */
export function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Reverses the bytes of each element in place: big-endian to little-endian and back. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}

/**
 * The elements as float32. Exact for the half types, booleans, 8 and 16 bit integers; the other types are rounded to nearest.
 * Float32 data is handed back as it is, not copied.
 */
export function toFloat32(tensor: Pick<FileTensor, 'dtype' | 'data'>): Float32Array {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) return data;
  if (data instanceof BigInt64Array) return Float32Array.from(data, Number);
  if (dtype === 'F16') return widenHalf(data as Uint16Array);
  if (dtype === 'BF16') return widenBfloat(data as Uint16Array);
  if (dtype === 'BOOL') return Float32Array.from(data as Uint8Array, Math.sign);
  return new Float32Array(data);
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let k = 0; k < bits.length; k++) wide[k] = bits[k]! << 16;
  return new Float32Array(wide.buffer);
}

/** IEEE 754 binary16 to binary32, bit by bit so that NaN payloads and signed zeros survive. */
function widenHalf(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let k = 0; k < bits.length; k++) {
    const half = bits[k]!;
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) wide[k] = sign | 0x7f800000 | (fraction << 13);
    else if (exponent !== 0) wide[k] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else if (fraction === 0) wide[k] = sign;
    else {
      // A subnormal half is a normal float32: shift the leading one out and count the steps.
      const shift = Math.clz32(fraction) - 21;
      wide[k] = sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
    }
  }
  return new Float32Array(wide.buffer);
}

/** float32 to IEEE 754 binary16, rounded to nearest even; beyond 65504 infinite, NaN stays NaN. */
export function toFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const half = new Uint16Array(values.length);
  for (let k = 0; k < bits.length; k++) {
    const sign = (bits[k]! >>> 16) & 0x8000;
    const magnitude = bits[k]! & 0x7fffffff;
    if (magnitude > 0x7f800000) half[k] = sign | 0x7e00;
    else if (magnitude >= 0x477ff000) half[k] = sign | 0x7c00;
    else if (magnitude >= 0x38800000) half[k] = sign | roundEven(magnitude - 0x38000000, 13);
    else half[k] = sign | roundSubnormal(magnitude);
  }
  return half;
}

/** Below 2^-14 a half counts units of 2^-24. */
function roundSubnormal(magnitude: number): number {
  const exponent = magnitude >>> 23;
  const shift = 126 - exponent;
  if (shift > 24) return 0;
  return roundEven((magnitude & 0x7fffff) | 0x800000, shift);
}

/** `value / 2^shift` rounded to nearest even; a carry into the exponent is what rounding up means there. */
function roundEven(value: number, shift: number): number {
  const half = 1 << (shift - 1);
  const rest = value & (2 * half - 1);
  const floor = value >>> shift;
  return rest > half || (rest === half && (floor & 1) === 1) ? floor + 1 : floor;
}
