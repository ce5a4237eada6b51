/** What files are that were taken for weights: known by their first bytes, with what to do about each. */
import { UserError } from '../base/errors.js';
import type { ByteRange } from './byteFile.js';

interface FileKind {
  /** With its article. */
  name: string;
  hint?: string;
  isIt(start: Buffer): boolean;
}

const begins =
  (...magic: (string | number[])[]) =>
  (start: Buffer) =>
    magic.some((bytes) => start.subarray(0, bytes.length).equals(Buffer.from(bytes as string, 'latin1')));

const unpack = (how: string) => `unpack it: ${how}`;

/** The length of a tar header, the longest beginning that any of them needs. */
const longestStart = 512;

const kinds: readonly FileKind[] = [
  {
    name: 'a Git LFS pointer, which stands for a file that was not downloaded',
    hint: 'get the file itself: git lfs install && git lfs pull',
    isIt: begins('version https://git-lfs', 'version https://hawser'),
  },
  {
    name: 'a web page (HTML)',
    hint: 'the server answered with a page in place of the file; download it with a browser',
    isIt: (start) => /^(?:\xef\xbb\xbf)?\s*(?:<!--|<\?xml|<!doctype html|<html|<head|<body)/i.test(textOf(start)),
  },
  { name: 'a tar archive', hint: unpack('tar -xf FILE'), isIt: isTar },
  { name: 'a gzip archive', hint: unpack('tar -xzf FILE, or gunzip FILE'), isIt: begins([0x1f, 0x8b]) },
  { name: 'a bzip2 archive', hint: unpack('tar -xjf FILE, or bunzip2 FILE'), isIt: begins('BZh') },
  { name: 'an xz archive', hint: unpack('tar -xJf FILE, or unxz FILE'), isIt: begins([0xfd, 0x37, 0x7a, 0x58, 0x5a]) },
  { name: 'a zstd archive', hint: unpack('unzstd FILE'), isIt: begins([0x28, 0xb5, 0x2f, 0xfd]) },
  { name: 'a 7z archive', hint: unpack('7z x FILE'), isIt: begins([0x37, 0x7a, 0xbc, 0xaf]) },
  { name: 'a RAR archive', hint: unpack('unrar x FILE'), isIt: begins('Rar!') },
  {
    name: 'an ONNX model',
    hint: 'a model is used with --model FILE; weights for --weights are safetensors or a PyTorch checkpoint',
    isIt: isOnnx,
  },
  {
    name: 'an HDF5 file, as Keras writes weights',
    hint: 'there is no way from it to an LDCNet',
    isIt: begins([0x89, 0x48, 0x44, 0x46]),
  },
  { name: 'a NumPy array', isIt: begins([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]) },
  { name: 'an image', isIt: begins([0xff, 0xd8, 0xff], [0x89, 0x50, 0x4e, 0x47], 'GIF8') },
  { name: 'a PDF document', isIt: begins('%PDF') },
  { name: 'an AppleDouble file of macOS, which holds no data of its own', isIt: begins([0, 5, 0x16, 7]) },
  { name: 'a JSON document', isIt: (start) => /^(?:\xef\xbb\xbf)?\s*[{[]\s*["[{\]}\d]/.test(textOf(start)) },
  { name: 'a text file', isIt: (start) => start.length > 0 && /^[\t\n\r\x20-\x7e]+$/.test(textOf(start)) },
];

/**
 * Why `file` is not what it was taken for.
 * @param expected what it should have been, with its article
 */
export async function notA(expected: string, file: ByteRange & { path: string }): Promise<UserError> {
  if (file.size === 0) return new UserError(`${file.path} is empty`);
  const start = Buffer.from(await file.bytes(0, Math.min(longestStart, file.size)));
  const found = kinds.find(({ isIt }) => isIt(start));
  return new UserError(`${file.path} is not ${expected}${found ? `: it is ${found.name}` : ''}`, found?.hint);
}

function textOf(start: Buffer): string {
  return start.toString('latin1');
}

/** By the sum of its header's bytes, which old tar files without a magic number have as well. */
function isTar(start: Buffer): boolean {
  if (start.length < longestStart || start[0] === 0) return false;
  const stated = Number.parseInt(start.toString('latin1', 148, 156).replaceAll('\0', ' ').trim(), 8);
  // The sum's own eight bytes count as blanks.
  const sum = start.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  return stated === sum;
}

/** A ModelProto: `ir_version`, then a text, a number of the version, or the graph. */
function isOnnx(start: Buffer): boolean {
  return (
    start[0] === 0x08 && start[1]! > 0 && start[1]! < 64 && [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a].includes(start[2]!)
  );
}
