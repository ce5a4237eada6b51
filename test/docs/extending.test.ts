/** The worked examples of docs/extending.md: its programs are compiled and used, what it quotes stands in the files it names. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Source } from '../../src/data/sources/source.js';
import { openDevice } from '../../src/engine/device.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { scope, type Tensor, tensor } from '../../src/engine/tensor.js';
import { codeBlocks, root } from './codeBlocks.js';

const blocks = codeBlocks('docs/extending.md').map((block) => {
  const [first, ...rest] = block.code.split('\n');
  return { ...block, file: first!.replace('// ', ''), code: rest.join('\n').trimEnd() };
});

describe('what is quoted', () => {
  it.each(blocks.filter(({ info }) => info !== 'ts'))('line $line stands in $file', ({ file, code }) => {
    expect(readFileSync(join(root, file), 'utf8')).toContain(`${code}\n`);
  });
});

describe('the programs', () => {
  const modules: Record<string, Record<string, unknown>> = {};

  beforeAll(async () => {
    const folder = join(root, 'build/docs');
    mkdirSync(folder, { recursive: true });
    for (const { file, code } of blocks.filter(({ info }) => info === 'ts')) {
      const path = join(folder, file.replaceAll('/', '_'));
      // As if it stood where its first line says.
      const moved = code.replaceAll(/from '(\.[^']*)\.js'/g, (_, target: string) => {
        return `from './${relative(folder, resolve(root, dirname(file), target))}.ts'`;
      });
      writeFileSync(path, moved);
      modules[file] = (await import(path)) as Record<string, unknown>;
    }
  });

  it('describe a data set', () => {
    const example = modules['src/data/sources/example.ts']!.example as Source;
    expect(example.present('disk/real/03_l1')).toMatchObject({ subject: '03', label: 'live', split: 'train' });
    expect(example.present('fake/11_r2')).toMatchObject({ label: 'spoof', attackType: 'replay', split: 'test' });
    expect(example.present('fake/11_l2')).toBeNull();
  });

  it('are an operation with its gradient', async () => {
    const difference = modules['src/engine/ops/difference.ts']!.difference as (a: Tensor, b: Tensor) => Tensor;
    const device = openDevice('cpu', { threads: 1 });
    const [a, b, y] = scope(() => {
      const [a, b] = [
        [5, 7],
        [2, 3],
      ].map((values) => tensor(device, Float32Array.from(values), [2])) as [Tensor, Tensor];
      for (const leaf of [a, b]) leaf.requiresGrad = true;
      const upstream = tensor(device, Float32Array.of(1, 10), [2]);
      const y = withTape(() => {
        const y = difference(a, b);
        backward([{ tensor: y, upstream }], [a, b]);
        return y;
      });
      return [a.retain(), b.retain(), y.retain()];
    });
    expect(await y.read()).toEqual(Float32Array.of(3, 4));
    expect(await a.grad!.read()).toEqual(Float32Array.of(1, 10));
    expect(await b.grad!.read()).toEqual(Float32Array.of(-1, -10));
    clearGrads([a, b]);
  });
});
