/** Faults planted in the CUDA sources are caught by the emulated device. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { build, buildFolder } from './emulated.js';
import { checkLayers } from './layers.js';

const root = resolve(import.meta.dirname, '../../..');
const kernels = join(root, 'src/native/cuda/kernels');
const fixtures = join(root, 'test/fixtures');
const minutes = 60_000;

/** Flags of the emulated sources and of the check, as src/native/cuda/CMakeLists.txt has them. */
const flags = ['-std=c++20', '-O1', '-ffp-contract=off', '-Wno-unknown-pragmas'];

function run(command: string, args: string[], capability = '8.0'): { status: number | null; output: string } {
  const env = { ...process.env, LDC_CUDA_EMULATED_CAPABILITY: capability };
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: root, env });
  return { status, output: stdout + stderr };
}

interface Fault {
  file: string;
  /** The source that includes it, where it is a header. */
  compiled?: string;
  what: string;
  from: string;
  to: string;
  precision?: string;
  /** Of the emulated device: 9.0 for warp-group MMA. */
  capability?: string;
  /** Layers of real width with this in their name are checked, in place of the fixtures: these are too small. */
  layers?: string;
  /** What the check says. */
  says: RegExp;
}

const faults: Fault[] = [
  {
    file: 'conv2d_tile.h',
    compiled: 'conv2d.cu',
    what: 'a removed barrier in the pipeline',
    from: 'sync_block();  // this step has arrived',
    to: '// this step has arrived',
    says: /without a barrier|asynchronous copy|nothing wrote/,
  },
  {
    file: 'conv2d_weight_grad.cu',
    what: 'a pipeline that waits for one copy too few',
    from: 'copy_async_wait<kStages - 2>();',
    to: 'copy_async_wait<kStages - 1>();',
    says: /asynchronous copy may still be writing/,
  },
  {
    file: 'conv2d_tile.h',
    compiled: 'conv2d.cu',
    what: 'a border that is off by one',
    from: '(line_[i] + dy) < static_cast',
    to: '(line_[i] + dy) <= static_cast',
    says: /outside of its allocation|FAIL conv2d/,
  },
  {
    file: 'conv2d.cu',
    what: 'rows from the wrong lanes',
    from: 'lane_ / 16 * 8 + lane_ % 8',
    to: 'lane_ / 16 * 8 + lane_ % 4',
    precision: 'tf32',
    says: /FAIL conv2d/,
  },
  {
    file: 'conv2d.cu',
    what: 'a fragment read from the padding of a tile',
    from: '8 * half + lane_ / 16 * 4',
    to: '8 * half + lane_ / 16 * 8',
    precision: 'bf16',
    says: /a read of what nothing wrote/,
  },
  {
    file: 'conv2d_tile.h',
    compiled: 'conv2d.cu',
    what: 'a copy from an address that is not a whole vector',
    from: '(at_[i] + further)',
    to: '(at_[i] + further) + 1',
    says: /misaligned|outside of its allocation/,
  },
  ...[
    {
      what: 'rows swizzled by the wrong number',
      from: '(group ^ row % 8)',
      to: '(group ^ row % 4)',
      says: /FAIL conv2d/,
    },
    {
      what: 'a descriptor that takes the next step of K for the same',
      from: 'swizzled_rows(stage + (half + 8 * k))',
      to: 'swizzled_rows(stage)',
      says: /FAIL conv2d/,
    },
    {
      what: 'sums that are not waited for',
      from: 'wgmma_wait<0>();',
      to: '',
      says: /overwritten before its end|a write without a barrier|sums of a warp-group MMA are touched/,
    },
    {
      what: 'a wait for one group too few',
      from: 'wgmma_wait<0>();',
      to: 'wgmma_wait<1>();',
      says: /sums of a warp-group MMA are touched before its end/,
    },
    {
      what: 'copies that are not shown to the asynchronous proxy',
      from: '{ fence_async_proxy(); }',
      to: '{}',
      says: /without a fence of the asynchronous proxy/,
    },
    {
      what: 'registers that are handed over without a fence',
      from: '    wgmma_fence();\n',
      to: '',
      says: /without a fence after its registers were touched/,
    },
    {
      what: 'pixels of the other warp group',
      from: 'kWarpGroup * 64;',
      to: 'kWarpGroup * 0;',
      precision: 'bf16',
      layers: 'layer2 1x1',
      says: /FAIL (?:forward|data gradient)/,
    },
    {
      what: 'pixels that lie otherwise than their descriptor says',
      from: '(kHalves ? place_b(row, group) : row * kRow + 4 * group)',
      to: '(row * kRow + 4 * group)',
      precision: 'bf16',
      says: /FAIL conv2d/,
    },
  ].map((fault) => ({ file: 'conv2d_wgmma.cu', precision: 'tf32', capability: '9.0', ...fault })),
  {
    file: 'conv2d_weight_grad.cu',
    what: 'pixels of bf16 that are read from the wrong rows',
    from: '(k + lane_ % 16) * kRow<kN, T>',
    to: '(k + lane_ % 8) * kRow<kN, T>',
    precision: 'bf16',
    says: /FAIL conv2d/,
  },
  {
    file: 'conv2d_weight_grad.cu',
    what: 'a tap that is left out of the descriptor',
    from: 'for (int t = 0; t < kTaps; ++t) g[t] = sums[t * kWarp + lane];',
    to: 'for (int t = 0; t < kTaps; ++t) g[t] = sums[t % 8 * kWarp + lane];',
    says: /FAIL (?:ldc|cdc)/,
  },
  {
    file: 'conv2d_tile.h',
    compiled: 'conv2d_wgmma.cu',
    what: 'a stage that is filled while warp groups still multiply it',
    from: '(step + kStages - 1) % kStages * kStage',
    to: 'step % kStages * kStage',
    precision: 'tf32',
    capability: '9.0',
    says: /a write without a barrier|asynchronous copy may still be writing|nothing wrote|FAIL conv2d/,
  },
  {
    file: 'conv2d_tile.h',
    compiled: 'conv2d_wgmma.cu',
    what: 'a stage that is given away before what was begun with it is done',
    from: '    tile.settle();\n    sync_block();',
    to: '    sync_block();',
    precision: 'tf32',
    capability: '9.0',
    says: /overwritten before its end|sums of a warp-group MMA are touched|a write without a barrier/,
  },
  {
    file: 'layout.cu',
    what: 'a removed barrier in the transposition',
    from: '  sync_block();\n',
    to: '',
    says: /without a barrier|nothing wrote/,
  },
  {
    file: 'grad_cam.cu',
    what: 'a removed barrier in the range of an image',
    from: '  sync_block();\n',
    to: '',
    says: /without a barrier|nothing wrote/,
  },
  {
    file: 'triplet.cu',
    what: 'a search over a warp that leaves out the last exchange',
    from: 'for (int mask = kWarp / 2; mask > 0; mask /= 2) {\n    const Candidate',
    to: 'for (int mask = kWarp / 2; mask > 1; mask /= 2) {\n    const Candidate',
    says: /FAIL triplet/,
  },
  {
    file: 'triplet.cu',
    what: 'a grid barrier that only some threads reach',
    from: '  sync_grid();\n\n  for (int64_t a = warp',
    to: '  if (lane > 0) sync_grid();\n\n  for (int64_t a = warp',
    says: /a barrier that not all/,
  },
  {
    file: 'pooling.cu',
    what: 'a window beyond the last row',
    from: 'row1 = least(from.rows - 1, row / stride)',
    to: 'row1 = row / stride',
    says: /outside of its allocation|FAIL max_pool2d/,
  },
  ...[
    {
      file: 'conv2d_weight_grad.cu',
      what: 'a row of the wide tile alone that is off by one',
      from: '* kM + row_ + 16 * i + 8 * half + group_;',
      to: '* kM + row_ + 16 * i + 8 * half + group_ + kRows / 128;',
      layers: 'layer2 3x3',
    },
    {
      file: 'conv2d.cu',
      what: 'a column of the wide tile alone that is off by two',
      from: '* kN + column_ + 8 * j + lane_ % 4 * 2;',
      to: '* kN + column_ + 8 * j + lane_ % 4 * 2 + kN / 128 * 2;',
      layers: 'layer2 3x3',
      capability: '8.0',
    },
    {
      file: 'conv2d_weight_grad.cu',
      what: 'a part that is missing in the sum of the parts',
      from: 'part < shape.parts; ++part',
      to: 'part < shape.parts - shape.parts / 2; ++part',
      layers: 'layer1',
    },
    {
      file: 'conv2d_weight_grad.cu',
      what: 'pixels that lose their way at the end of a line',
      from: 'b_[i] = b_[i] + shape_.line_end;',
      to: '',
      layers: 'stem',
    },
    {
      file: 'conv2d_wgmma.cu',
      what: 'sums of layers that are read too early',
      from: 'wgmma_wait<0>();',
      to: 'wgmma_wait<1>();',
      layers: 'layer2 1x1',
    },
  ].map((fault) => ({
    precision: 'tf32',
    capability: '9.0',
    says: /FAIL (forward|data gradient|weight gradient)|sums of a warp-group MMA are touched|outside of its allocation/,
    ...fault,
  })),
];

describe('planted faults', () => {
  const folder = join(buildFolder, 'faults');
  const parts = ['main', 'program'].map((name) => ({
    source: join(root, `src/native/check/${name}.cc`),
    object: join(folder, `${name}.o`),
  }));

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    build('ldc_check_emulated');
    for (const { source, object } of parts) {
      execFileSync('g++', [...flags, '-DLDC_CUDA_EMULATOR', '-c', source, '-o', object]);
    }
  }, 15 * minutes);

  /** The check, linked with a changed source in place of the one in the library; a changed header lies beside what includes it. */
  function checkWith(name: string, file: string, source: string, compiled = file): string {
    const place = join(folder, name);
    mkdirSync(place, { recursive: true });
    const [changed, object, program] = [compiled, 'changed.o', 'check'].map((part) => join(place, part)) as [
      string,
      string,
      string,
    ];
    copyFileSync(join(kernels, compiled), changed);
    writeFileSync(join(place, file), source);
    execFileSync('g++', [...flags, '-DLDC_EMULATED', '-I', kernels, '-x', 'c++', '-c', changed, '-o', object]);
    const libraries = ['check_parts', 'cuda_emulator', 'core'].map((library) =>
      join(buildFolder, `libldc_${library}.a`),
    );
    execFileSync('g++', [...parts.map((part) => part.object), object, ...libraries, '-lpthread', '-o', program]);
    return program;
  }

  it.each(faults)('$file: $what', { timeout: 2 * minutes }, (fault) => {
    const source = readFileSync(join(kernels, fault.file), 'utf8');
    expect(source.split(fault.from)).toHaveLength(2);
    const changed = source.replace(fault.from, fault.to);
    const program = checkWith(fault.what.replaceAll(' ', '_'), fault.file, changed, fault.compiled);
    const { precision = 'fp32', capability, layers } = fault;
    const { status, output } =
      layers === undefined
        ? run(program, [fixtures, '--device', 'cuda-emulated', '--precision', precision], capability)
        : checkLayers({ precision, capability: capability ?? '8.0' }, ['--only', layers], program);
    expect(output).toMatch(fault.says);
    expect(status).not.toBe(0);
  });

  it('passes without a fault, linked the same way', { timeout: 2 * minutes }, () => {
    for (const [file, capability] of [
      ['conv2d.cu', '8.0'],
      ['conv2d_wgmma.cu', '9.0'],
    ] as const) {
      const program = checkWith(`none_${file}`, file, readFileSync(join(kernels, file), 'utf8'));
      const call = [fixtures, '--device', 'cuda-emulated', '--precision', 'tf32'];
      expect(run(program, call, capability).status).toBe(0);
    }
  });
});
