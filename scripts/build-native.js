/**
 * `npm run build:native`: builds the addon through cmake-js, with the CUDA device where it is of use.
 *
 * LDC_CUDA unset   with CUDA where a GPU and nvcc are present, for that GPU alone, so that installs stay short; without for `npm pack`,
 *                  whose package is for every machine
 * LDC_CUDA=1       with CUDA, for the GPUs present, else for all architectures; nvcc is needed, a GPU is not
 * LDC_CUDA=0       without
 * LDC_CUDA_ARCHITECTURES=80;90 or all      for these instead
 */
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

/** Every architecture the project supports; the last also as PTX, for GPUs that are newer than nvcc. */
export const allArchitectures = ['75', '80', '86', '89', '90', '100', '120'];

function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

/** Compute capabilities of the GPUs present, without the dot. */
function gpuArchitectures() {
  const listed = output('nvidia-smi', ['--query-gpu=compute_cap', '--format=csv,noheader']) ?? '';
  const found = listed.split('\n').flatMap((line) => /^\s*(\d+)\.(\d)\s*$/.exec(line)?.slice(1, 3).join('') ?? []);
  return [...new Set(found)].sort((a, b) => Number(a) - Number(b));
}

/**
 * What to build: the architectures, none for a build without CUDA, and why. `required` means that it may not be left out.
 * @throws Error for values of the variables that mean nothing, and for LDC_CUDA=1 without nvcc
 */
export function planCuda(env) {
  const wish = env.LDC_CUDA ?? '';
  if (!['', '0', '1'].includes(wish)) throw new Error(`LDC_CUDA is 0 or 1, not ${wish}`);
  if (wish === '0') return { architectures: [], required: false, why: 'LDC_CUDA=0' };
  if (wish === '' && ['pack', 'publish'].includes(env.npm_command)) {
    return { architectures: [], required: false, why: 'the package is for every machine, not for the GPU of this one' };
  }
  const nvcc = output(env.CUDACXX ?? 'nvcc', ['--version']) !== undefined;
  if (!nvcc && wish === '1')
    throw new Error('LDC_CUDA=1 needs nvcc: install the CUDA toolkit, or put nvcc on the PATH');
  if (!nvcc) return { architectures: [], required: false, why: 'nvcc was not found' };
  const gpus = gpuArchitectures();
  if (gpus.length === 0 && wish === '') {
    return { architectures: [], required: false, why: 'there is no NVIDIA GPU; LDC_CUDA=1 builds it all the same' };
  }
  const named = env.LDC_CUDA_ARCHITECTURES ?? (gpus.length > 0 ? gpus.join(';') : 'all');
  const architectures = named === 'all' ? allArchitectures : named.split(/[;,\s]+/).filter(Boolean);
  const unknown = architectures.find((name) => !/^\d{2,3}a?$/.test(name));
  if (unknown !== undefined)
    throw new Error(`LDC_CUDA_ARCHITECTURES has ${unknown}; an architecture is a number like 90`);
  return { architectures, required: wish === '1', why: wish === '1' ? 'LDC_CUDA=1' : 'a GPU and nvcc are present' };
}

/** The definitions for CMake. Code for each architecture, and PTX for the newest. */
export function definitions(architectures) {
  if (architectures.length === 0) return ['--CDLDC_CUDA=OFF'];
  const list = architectures.map((name, i) => (i < architectures.length - 1 ? `${name}-real` : name)).join(';');
  return ['--CDLDC_CUDA=ON', `--CDLDC_CUDA_ARCHITECTURES=${list}`];
}

function build(architectures) {
  const cmake = (args) => spawnSync('cmake-js', [...args, '--silent'], { stdio: 'inherit' }).status === 0;
  return cmake(['configure', ...definitions(architectures)]) && cmake(['build']);
}

function main() {
  const { architectures, required, why } = planCuda(process.env);
  console.log(architectures.length > 0 ? `CUDA for ${architectures.join(', ')}: ${why}` : `without CUDA: ${why}`);
  if (build(architectures)) return 0;
  if (architectures.length === 0 || required) return 1;
  console.error('the CUDA device could not be built (see above); building without it');
  return build([]) ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.exitCode = main();
  } catch (error) {
    console.error(`build-native: ${error.message}`);
    process.exitCode = 2;
  }
}
