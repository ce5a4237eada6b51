/** Faults planted in the CUDA sources are caught by the emulated device. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { build, buildFolder } from './emulated.js';

const root = resolve(import.meta.dirname, '../../..');
const kernels = join(root, 'src/native/cuda/kernels');
const fixtures = join(root, 'test/fixtures');
const minutes = 60_000;

/** Flags of the emulated sources and of the check, as src/native/cuda/CMakeLists.txt has them. */
const flags = ['-std=c++20', '-O1', '-ffp-contract=off', '-Wno-unknown-pragmas'];

function run(command: string, args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: root });
  return { status, output: stdout + stderr };
}

interface Fault {
  file: string;
  what: string;
  from: string;
  to: string;
  precision?: string;
  /** What the check says. */
  says: RegExp;
}

const faults: Fault[] = [
  {
    file: 'conv2d.cu',
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
    file: 'conv2d.cu',
    what: 'a border that is off by one',
    from: 'line < shape_.in_h',
    to: 'line <= shape_.in_h',
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
    file: 'conv2d.cu',
    what: 'a copy from an address that is not a whole vector',
    from: 'c = 4 * walk_.c;',
    to: 'c = 4 * walk_.c + 1;',
    says: /misaligned|outside of its allocation/,
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
    from: 'row1 = least(rows - 1, row / stride)',
    to: 'row1 = row / stride',
    says: /outside of its allocation|FAIL max_pool2d/,
  },
];

describe('planted faults', () => {
  const folder = join(buildFolder, 'faults');
  const main = join(folder, 'main.o');

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    build('ldc_check_emulated');
    const source = join(root, 'src/native/check/main.cc');
    execFileSync('g++', [...flags, '-DLDC_CUDA_EMULATOR', '-c', source, '-o', main]);
  }, 15 * minutes);

  /** The check, linked with a changed source in place of the one in the library. */
  function checkWith(name: string, source: string): string {
    const [changed, object, program] = ['cc', 'o', 'run'].map((ending) => join(folder, `${name}.${ending}`)) as [
      string,
      string,
      string,
    ];
    writeFileSync(changed, source);
    execFileSync('g++', [...flags, '-DLDC_EMULATED', '-I', kernels, '-c', changed, '-o', object]);
    const libraries = ['check_parts', 'cuda_emulator', 'core'].map((library) =>
      join(buildFolder, `libldc_${library}.a`),
    );
    execFileSync('g++', [main, object, ...libraries, '-lpthread', '-o', program]);
    return program;
  }

  it.each(faults)('$file: $what', { timeout: 2 * minutes }, (fault) => {
    const source = readFileSync(join(kernels, fault.file), 'utf8');
    expect(source.split(fault.from)).toHaveLength(2);
    const program = checkWith(fault.what.replaceAll(' ', '_'), source.replace(fault.from, fault.to));
    const { status, output } = run(program, [
      fixtures,
      '--device',
      'cuda-emulated',
      '--precision',
      fault.precision ?? 'fp32',
    ]);
    expect(output).toMatch(fault.says);
    expect(status).not.toBe(0);
  });

  it('passes without a fault, linked the same way', { timeout: 2 * minutes }, () => {
    const program = checkWith('none', readFileSync(join(kernels, 'conv2d.cu'), 'utf8'));
    expect(run(program, [fixtures, '--device', 'cuda-emulated']).status).toBe(0);
  });
});
