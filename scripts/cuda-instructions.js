/**
 * Instructions that a warp of each kernel issues, from the disassembly: `node scripts/cuda-instructions.js` writes
 * experiments/bench/cudaInstructions.json, which experiments/bench/cudaStep.ts predicts from. Needs nvcc, and cuobjdump of the CUDA toolkit.
 *
 * A kernel's name there: what launches it, its tile, and the method of kernels.h with the number of its lambda, as
 * `each:batch_norm_forward` or `conv2d:Mma128tf32`; ` bf16` behind it where that is what it reads and writes. Of the two numbers the
 * first is of what is outside of the longest loop, the second of that loop.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { compile } from './cuda-resources.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
/** Generations of code: of the A100, the RTX 4090 and the H100. */
export const generations = ['80', '89', '90'];

/** What the name of a function that ends in _kernel is, which stands behind its length. */
function launcherOf(mangled) {
  for (const { index } of mangled.matchAll(/_kernel/g)) {
    const end = index + '_kernel'.length;
    for (let start = index; start > 0; start--) {
      const length = String(end - start);
      if (mangled.slice(start - length.length, start) === length && /[a-z]/.test(mangled[start]))
        return mangled.slice(start, index);
    }
  }
  return mangled;
}

/** The short name of a mangled kernel. */
export function kernelName(mangled) {
  const launcher = launcherOf(mangled);
  const tile = /(Mma|Wgmma|Fma)Tile(?:ILi(\d+)E)?/.exec(mangled);
  const halves = mangled.includes('4Bf16E');
  const method = /CudaKernels\d+([a-z0-9_]+?)E(?:v|R|N)/.exec(mangled)?.[1];
  const lambda = /EUl\w*?E(\d*)_[EJ]/.exec(mangled)?.[1] ?? '';
  if (tile !== null) {
    const precision = tile[1] === 'Fma' ? '' : halves ? 'bf16' : 'tf32';
    return `${launcher}:${tile[1]}${tile[2] ?? ''}${precision}`;
  }
  return method === undefined ? launcher : `${launcher}:${method}${lambda}${halves ? ' bf16' : ''}`;
}

/** Instructions of each kernel of a disassembly: those outside of the longest loop and those of that loop. */
export function countInstructions(sass) {
  const kernels = {};
  for (const part of sass.split(/^\s*Function : /m).slice(1)) {
    const mangled = part.slice(0, part.search(/\s/));
    const code = [...part.matchAll(/^\s*\/\*([0-9a-f]{4,})\*\/\s+(?:@!?U?P\w+\s+)?([A-Z0-9_]+)([^;]*);/gm)].map(
      ([, at, name, rest]) => ({
        at: Number.parseInt(at, 16),
        name,
        target: Number.parseInt(/0x([0-9a-f]+)/.exec(rest)?.[1] ?? 'z', 16),
      }),
    );
    // Behind the last way out are the long ways of divisions, which small numbers do not take.
    const called = code.filter(({ name }) => name === 'CALL').map(({ target }) => target);
    const end = Math.min(...called, code.findLast(({ name }) => name === 'EXIT').at + 16);
    const main = code.filter(({ at, name }) => at < end && name !== 'NOP');
    const loops = main.filter(({ name, at, target }) => name === 'BRA' && target < at);
    const longest = loops.sort((a, b) => b.at - b.target - (a.at - a.target))[0];
    const inside = ({ at }) => longest !== undefined && at >= longest.target && at <= longest.at;
    const looped = main.filter(inside).length;
    kernels[kernelName(mangled)] = [main.length - looped, looped];
  }
  return kernels;
}

async function main() {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-sass-'));
  const files = (await readdir(join(root, 'src/native/cuda/kernels'))).filter((name) => name.endsWith('.cu'));
  const result = {};
  for (const generation of generations) {
    result[generation] = {};
    for (const file of files) {
      await compile(file, generation, folder);
      const cubin = join(folder, `${file}.${generation}.cubin`);
      const { stdout } = await run('cuobjdump', ['-sass', cubin], { maxBuffer: 1 << 28 });
      Object.assign(result[generation], countInstructions(stdout));
    }
  }
  await rm(folder, { recursive: true });
  const text = JSON.stringify(result, null, 1).replace(/\[\s*(\d+),\s*(\d+)\s*\]/g, '[$1, $2]');
  await writeFile(join(root, 'experiments/bench/cudaInstructions.json'), `${text}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
