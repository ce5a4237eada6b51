/** Files that are taken for weights and are something else: what they are called. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeOnnx } from '../../src/formats/onnx.js';
import { readState } from '../../src/formats/stateFile.js';
import { convertTorch } from '../../src/formats/torch.js';
import { failure, put, temporaryFolder } from '../data/helpers.js';
import { zip } from './build.js';

const folder = await temporaryFolder();
const text = (content: string) => Buffer.from(content);

/** As tar writes it, in one of its formats. */
async function tarOf(format: string): Promise<Buffer> {
  await put(join(folder, 'in', 'weights.pth'), 'weights');
  return execFileSync('tar', ['-C', join(folder, 'in'), `--format=${format}`, '-cf', '-', 'weights.pth']);
}

const onnx = encodeOnnx({
  name: 'none',
  producer: { name: '', version: '' },
  inputs: [],
  outputs: [],
  nodes: [],
  initializers: [],
  metadata: {},
});

describe('a file that is no weights is called what it is', () => {
  it.each<[string, Uint8Array | Promise<Uint8Array>, string]>([
    [
      'pointer.pth',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 46817296\n'),
      'a Git LFS pointer',
    ],
    ['page.pth', text('\ufeff\n <!doctype HTML><html><title>Sign in</title></html>'), 'a web page (HTML)'],
    ['bare.pth', text('<html><body>Quota exceeded</body></html>'), 'a web page (HTML)'],
    ['ustar.tar', tarOf('ustar'), 'a tar archive'],
    ['gnu.tar', tarOf('gnu'), 'a tar archive'],
    ['old.tar', tarOf('v7'), 'a tar archive'],
    ['weights.pth.gz', gzipSync('weights'), 'a gzip archive'],
    ['model.pth', onnx, 'an ONNX model'],
    [
      'face.pth',
      sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
      'an image',
    ],
    ['notes.pth', text('Weights are on the other disk.\n'), 'a text file'],
    ['answer.pth', text('{"error": "not found"}'), 'a JSON document'],
  ])('%s', async (name, content, called) => {
    const path = await put(join(folder, name), await content);
    const refused = await failure(convertTorch(path, join(folder, 'out.safetensors')));
    expect(refused.message).toContain(`${path} is not a PyTorch checkpoint: it is ${called}`);
    expect((await failure(readState(path))).message).toContain(`: it is ${called}`);
  });

  it('also an empty one, one of no known kind, and a zip archive of something else', async () => {
    const refusal = async (name: string, content: Uint8Array) =>
      failure(readState(await put(join(folder, name), content)));
    expect((await refusal('empty.pth', text(''))).message).toMatch(/empty\.pth is empty$/);
    expect((await refusal('odd.pth', Buffer.of(9, 8, 7, 6, 5))).message).toMatch(
      /neither|is not a safetensors file or/,
    );
    const packed = await refusal('packed.pth', zip([{ name: 'nets/weights.pth', data: text('weights') }]));
    expect(packed.message).toContain('it has no data.pkl; it holds "nets/weights.pth"');
    expect(packed.hint).toBe('unpack it: unzip FILE');
  });
});
