/**
 * What the convolution kernels take of a GPU, as nvcc says it (-Xptxas -v): registers, shared memory, spills, and the occupancy
 * that they allow. `node scripts/cuda-resources.js [ARCHITECTURE…]` prints the table of docs/cuda.md: registers, blocks a
 * multiprocessor (occupancy).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { allArchitectures } from './build-native.js';

const kernels = fileURLToPath(new URL('../src/native/cuda/kernels', import.meta.url));

/** As src/native/cuda/CMakeLists.txt has them; every warning is an error. */
const flags = ['-std=c++20', '-O3', '-DNDEBUG', '-fmad=false', '--extended-lambda', '-Werror', 'all-warnings'];

/**
 * The tiled kernels: name, threads of a block and bytes of dynamic shared memory (kStages, kRow and the tiles of
 * the sources).
 */
const tiled = [
  {
    file: 'conv2d.cu',
    pattern: /conv2d_kernelINS\d*_\d+(?:Mma|Fma)TileILi(64|128)E(f|NS\w*?4Bf16E)?/,
    name: (n) => `conv2d 128×${n}`,
    threads: (n) => 2 * n,
    shared: (n) => 4 * 3 * (128 + n) * 20,
  },
  {
    file: 'conv2d_wgmma.cu',
    only: '90',
    pattern: /conv2d_wgmma_kernelINS\d*_\d+WgmmaTileILi(64|128)E(f|NS\w*?4Bf16E)/,
    name: (n) => `conv2d by wgmma 128×${n}`,
    threads: () => 256,
    shared: (n, precision) => 4 * 3 * (n * 32 + 128 * (precision === 'bf16' ? 32 : 36)),
  },
  {
    file: 'conv2d_weight_grad.cu',
    pattern: /weight_grad_kernelINS\d*_\d+(?:FmaTile|MmaTileILi(64)E(f|NS\w*?4Bf16E))/,
    name: () => 'weight gradient 64×128',
    threads: () => 128,
    shared: () => 4 * 3 * 16 * (72 + 136),
  },
  {
    file: 'conv2d_weight_grad.cu',
    only: '90',
    pattern: /weight_grad_kernelINS\d*_\d+MmaTileILi(128)E(f|NS\w*?4Bf16E)/,
    name: () => 'weight gradient 128×128',
    threads: () => 128,
    shared: () => 4 * 3 * 16 * (136 + 136),
  },
];
/** What a tile of tensor cores is named by: what is stored, of which float32 is multiplied in TF32. */
const precisionOf = (stored) => (stored === undefined ? 'fp32' : stored === 'f' ? 'tf32' : 'bf16');

/** Per multiprocessor: warps and bytes of shared memory (CUDA C++ programming guide, "Technical specifications per compute capability"). */
const limits = {
  75: { warps: 32, shared: 64 },
  80: { warps: 64, shared: 164 },
  86: { warps: 48, shared: 100 },
  89: { warps: 48, shared: 100 },
  90: { warps: 64, shared: 228 },
  100: { warps: 64, shared: 228 },
  120: { warps: 48, shared: 100 },
};

/** Blocks that fit a multiprocessor: 65536 registers given out in units of 256 a warp, 1 KiB of shared memory reserved a block. */
export function blocksPerMultiprocessor(architecture, threads, registers, sharedBytes) {
  const { warps, shared } = limits[architecture];
  const blockWarps = threads / 32;
  const byRegisters = Math.floor(65536 / (Math.ceil((registers * 32) / 256) * 256) / blockWarps);
  const reserved = architecture === '75' ? 0 : 1024;
  return Math.min(byRegisters, Math.floor((shared * 1024) / (sharedBytes + reserved)), Math.floor(warps / blockWarps));
}

/** Entries of ptxas' report: mangled name, registers, static shared memory and bytes of spills. */
export function parseReport(text) {
  const entries = [];
  for (const part of text.split("Compiling entry function '").slice(1)) {
    const number = (pattern) => Number(pattern.exec(part)?.[1] ?? 0);
    entries.push({
      name: part.slice(0, part.indexOf("'")),
      registers: number(/Used (\d+) registers/),
      shared: number(/(\d+) bytes smem/),
      spills: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
    });
  }
  return entries;
}

/** What ptxas says of warp-group MMA that it runs one by one (its messages C7510 and following), as mere information: a third of the speed. */
export function serialised(text) {
  return text.split('\n').filter((line) => /\bC75\d\d\b/.test(line));
}

/** Compiles one source for one architecture. @throws Error with nvcc's output, also for a mere warning, and where it serialises */
export async function compile(file, architecture, folder) {
  const target = join(folder, `${file}.${architecture}.cubin`);
  // Warp-group MMA is in sm_90a, which is what is built for 90 (CMakeLists.txt).
  const name = architecture === '90' ? '90a' : architecture;
  const call = [...flags, `-arch=sm_${name}`, '-cubin', '-Xptxas', '-v', join(kernels, file), '-o', target];
  const { stderr, stdout } = await promisify(execFile)('nvcc', call, { maxBuffer: 1 << 26 });
  const [first] = serialised(stderr + stdout);
  if (first !== undefined) throw new Error(`${file} for sm_${name}: ${first}`);
  return parseReport(stderr + stdout);
}

/** Rows of the table for one architecture. */
export async function resources(architecture, folder) {
  const rows = [];
  for (const { file, only = architecture, pattern, name, threads, shared } of tiled) {
    if (only !== architecture) continue; // never launched elsewhere
    for (const entry of await compile(file, architecture, folder)) {
      const found = pattern.exec(entry.name);
      if (found === null) continue;
      const [, size, stored] = found;
      const precision = precisionOf(stored);
      if (architecture === '75' && precision !== 'fp32') continue; // no tensor cores for these formats: never launched
      const [n, bytes] = [Number(size), shared(Number(size), precision) + entry.shared];
      const blocks = blocksPerMultiprocessor(architecture, threads(n), entry.registers, bytes);
      const { warps } = limits[architecture];
      rows.push({
        architecture,
        kernel: `${name(n)} ${precision}`,
        registers: entry.registers,
        bytes,
        spills: entry.spills,
        blocks,
        occupancy: (blocks * threads(n)) / 32 / warps,
      });
    }
  }
  return rows.sort((a, b) => (a.kernel < b.kernel ? -1 : 1));
}

async function main(architectures) {
  const folder = await mkdtemp(join(tmpdir(), 'ldc-cuda-'));
  const rows = [];
  for (const architecture of architectures) rows.push(...(await resources(architecture, folder)));
  await rm(folder, { recursive: true });
  const kernels = [...new Set(rows.map(({ kernel }) => kernel))].sort();
  console.log(`| kernel | shared, bytes | ${architectures.map((name) => `sm_${name}`).join(' | ')} |`);
  console.log(`|---|---|${'---|'.repeat(architectures.length)}`);
  for (const kernel of kernels) {
    const cells = architectures.map((architecture) => {
      const row = rows.find((each) => each.kernel === kernel && each.architecture === architecture);
      if (row === undefined) return '–';
      const spills = row.spills > 0 ? `, **${row.spills} bytes spilled**` : '';
      return `${row.registers}, ${row.blocks} (${Math.round(100 * row.occupancy)} %)${spills}`;
    });
    console.log(`| ${kernel} | ${rows.find((each) => each.kernel === kernel).bytes} | ${cells.join(' | ')} |`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const named = process.argv.slice(2);
  await main(named.length > 0 ? named : allArchitectures);
}
