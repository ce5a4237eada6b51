/** Reads NumPy's .npy files, whole or some rows at a time, so that an array larger than memory can be walked through. */
import { UserError } from '../base/errors.js';
import { allocate, type ByteFile, openBytes } from './byteFile.js';
import { countOf, type Dtype, type FileTensor, swapBytes, viewAs, widthOf } from './dtype.js';

/** Headers beyond this are refused; NumPy writes a few hundred bytes. */
const headerLimit = 64 * 1024;

const dtypes: Record<string, Dtype> = {
  f2: 'F16',
  f4: 'F32',
  f8: 'F64',
  i1: 'I8',
  i2: 'I16',
  i4: 'I32',
  i8: 'I64',
  u1: 'U8',
  b1: 'BOOL',
};

/** An open .npy file. Rows are the slices along the first axis. */
export interface NpyFile {
  path: string;
  dtype: Dtype;
  shape: number[];
  /**
   * Rows `from` to `from + count - 1` as a tensor `[count, ...]` in row-major order. Of a file in Fortran order every call walks
   * through the whole data, because there a row is spread over the file; memory holds the asked rows alone.
   */
  readRows(from: number, count: number): Promise<FileTensor>;
  /** The whole array; a zero-dimensional one has the shape `[]`. */
  readAll(): Promise<FileTensor>;
}

interface Layout {
  dtype: Dtype;
  shape: number[];
  bigEndian: boolean;
  fortran: boolean;
  dataStart: number;
}

/**
 * Opens a .npy file (format versions 1 to 3; float, signed integer, uint8 and boolean elements of either byte order).
 * @throws UserError naming the file when it is missing, damaged, or holds Python objects or another unsupported type
 */
export async function openNpy(path: string): Promise<NpyFile> {
  const file = await openBytes(path);
  const layout = await readLayout(file);
  const { dtype, shape } = layout;
  const rows = shape[0] ?? 1;
  const rowShape = shape.slice(1);
  async function read(from: number, count: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await (layout.fortran ? gatherRows(file, layout, from, count) : sliceRows(file, layout, from, count));
    if (layout.bigEndian) swapBytes(bytes, widthOf(dtype));
    return bytes;
  }
  return {
    path,
    dtype,
    shape: [...shape],
    async readRows(from, count) {
      if (!(Number.isInteger(from) && Number.isInteger(count) && from >= 0 && count >= 0 && from + count <= rows)) {
        throw new UserError(`${path} has ${rows} rows, not ${count} from row ${from} on`);
      }
      return { dtype, shape: [count, ...rowShape], data: viewAs(dtype, await read(from, count)) };
    },
    async readAll() {
      return { dtype, shape: [...shape], data: viewAs(dtype, await read(0, rows)) };
    },
  };
}

/** The whole array of a .npy file; see `openNpy`. */
export async function readNpy(path: string): Promise<FileTensor> {
  return (await openNpy(path)).readAll();
}

async function readLayout(file: ByteFile): Promise<Layout> {
  const { path, size } = file;
  if (size === 0) throw new UserError(`${path} is empty`);
  const start = Buffer.from(await file.bytes(0, Math.min(size, 12)));
  if (start.toString('latin1', 0, 6) !== '\x93NUMPY') throw new UserError(`${path} is not a .npy file`);
  if (size < 12) throw new UserError(`${path} is cut short inside its header`);
  const version = start[6]!;
  if (version < 1 || version > 3) throw new UserError(`${path} has the .npy version ${version}, which is not known`);
  const headerStart = version === 1 ? 10 : 12;
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (length > headerLimit) throw new UserError(`${path} has a damaged header: its length is ${length}`);
  if (headerStart + length > size) throw new UserError(`${path} is cut short inside its header`);
  const text = Buffer.from(await file.bytes(headerStart, length)).toString(version === 3 ? 'utf8' : 'latin1');
  const layout = { ...parseHeader(path, text), dataStart: headerStart + length };
  const needed = countOf(layout.shape)! * widthOf(layout.dtype);
  const held = size - layout.dataStart;
  if (held < needed) throw new UserError(`${path} is cut short: its shape needs ${needed} bytes, it holds ${held}`);
  if (held > needed) throw new UserError(`${path} is damaged: ${held - needed} bytes follow the array`);
  return layout;
}

/** The header is the text of a Python dictionary with the keys `descr`, `fortran_order` and `shape`. */
function parseHeader(path: string, text: string): Omit<Layout, 'dataStart'> {
  const damaged = (what: string) => new UserError(`${path} has a damaged header: ${what}`);
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (body === undefined) throw damaged('it is no dictionary');
  const fields = new Map<string, string>();
  const field = /\s*'(\w+)'\s*:\s*('[^']*'|True|False|\([^()]*\)|\[[^[\]]*\])\s*(?:,|$)/y;
  while (field.lastIndex < body.trimEnd().length) {
    const match = field.exec(body);
    if (match === null) throw damaged('it is no dictionary of type, order and shape');
    fields.set(match[1]!, match[2]!);
  }
  const order = fields.get('fortran_order');
  if (order !== 'True' && order !== 'False') throw damaged('fortran_order is neither True nor False');
  return {
    ...parseType(path, fields.get('descr') ?? ''),
    shape: parseShape(fields.get('shape') ?? '') ?? fail(damaged('it has no valid shape')),
    fortran: order === 'True',
  };
}

function parseType(path: string, descr: string): { dtype: Dtype; bigEndian: boolean } {
  if (/^'\|?O/.test(descr)) {
    throw new UserError(
      `${path} holds Python objects, which are not read`,
      'save plain numbers: array.astype(float32)',
    );
  }
  const match = /^'([<>=|])(\w+)'$/.exec(descr);
  const code = match?.[2] ?? '';
  if (!Object.hasOwn(dtypes, code)) {
    throw new UserError(`${path} holds elements of type ${descr.slice(0, 40) || 'unknown'}, which is not supported`);
  }
  return { dtype: dtypes[code]!, bigEndian: match![1] === '>' };
}

/** `(3, 4)`, `(3,)`, `()`, and the `(3L, 4L)` of Python 2. */
function parseShape(text: string): number[] | null {
  if (!/^\((\s*\d+L?\s*(,|(?=\))))*\s*\)$/.test(text)) return null;
  const shape = (text.match(/\d+/g) ?? []).map(Number);
  return countOf(shape) === null ? null : shape;
}

function sliceRows(file: ByteFile, { dtype, shape, dataStart }: Layout, from: number, count: number) {
  const rowBytes = countOf(shape.slice(1))! * widthOf(dtype);
  return file.bytes(dataStart + from * rowBytes, count * rowBytes);
}

/** In Fortran order the first index runs fastest: the data is a list of columns, one for each position within a row. */
async function gatherRows(file: ByteFile, { dtype, shape, dataStart }: Layout, from: number, count: number) {
  const width = widthOf(dtype);
  const rows = shape[0] ?? 1;
  const rowShape = shape.slice(1);
  const rowSize = countOf(rowShape)!;
  const result = allocate(file.path, count * rowSize * width);
  const position = columnPositions(rowShape);
  let row = 0;
  let column = position.next().value;
  for await (const piece of file.pieces(dataStart, rows * rowSize * width)) {
    for (let at = 0; at < piece.length; at += width) {
      if (row >= from && row < from + count) {
        const to = ((row - from) * rowSize + column) * width;
        for (let k = 0; k < width; k++) result[to + k] = piece[at + k]!;
      }
      if (++row === rows) {
        row = 0;
        column = position.next().value;
      }
    }
  }
  return result;
}

/** The row-major positions of the elements of `shape`, in the order in which the first index runs fastest; 0 when they are used up. */
function* columnPositions(shape: readonly number[]): Generator<number, number, void> {
  const strides = shape.map((_, axis) => countOf(shape.slice(axis + 1))!);
  const index = shape.map(() => 0);
  let position = 0;
  while (true) {
    yield position;
    let axis = 0;
    for (; axis < shape.length; axis++) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
    if (axis === shape.length) return 0;
  }
}

function fail(error: Error): never {
  throw error;
}
