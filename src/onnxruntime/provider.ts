/** onnxruntime and its execution providers: what there is, and what is missing when one cannot be used. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, UserError } from '../base/errors.js';

export const providers = ['cpu', 'cuda', 'tensorrt'] as const;
export type Provider = (typeof providers)[number];

/** What npm leaves out: too large for its registry, and the download is the user's choice. */
const providerLibraries: Record<Provider, readonly string[]> = {
  cpu: [],
  cuda: ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'],
  tensorrt: [
    'libonnxruntime_providers_shared.so',
    'libonnxruntime_providers_cuda.so',
    'libonnxruntime_providers_tensorrt.so',
  ],
};

const toolkit = {
  cuda: 'install the CUDA 12 runtime and cuDNN 9, or add their folder to LD_LIBRARY_PATH',
  tensorrt: 'install CUDA 12, cuDNN 9 and TensorRT 10, or add their folders to LD_LIBRARY_PATH',
};

/**
 * Loaded when it is needed: 45 MB of library that most commands do without. npm leaves the package out where its install script fails,
 * which wants to download CUDA libraries.
 * @throws UserError where it is not installed, or cannot be loaded
 */
export async function loadRuntime(): Promise<typeof import('onnxruntime-node')> {
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    throw new UserError(
      `onnxruntime is not to be had here: ${messageOf(error)}`,
      'add it, without its CUDA libraries: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@1',
    );
  }
}

/**
 * @param folder where onnxruntime's libraries are
 * @throws UserError naming the files that `provider` lacks and how to get them: its own, then those of CUDA that they are linked with
 */
export async function checkProvider(provider: Provider, folder = libraryFolder()): Promise<void> {
  if (provider === 'cpu') return;
  const files = providerLibraries[provider];
  const missing = files.filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) {
    throw new UserError(`onnxruntime's provider ${provider} lacks ${missing.join(', ')} in ${folder}`, downloadThem());
  }
  const unlinked = await unresolvedLibraries(files.map((file) => join(folder, file)));
  if (unlinked.length > 0) {
    throw new UserError(
      `onnxruntime's provider ${provider} needs ${unlinked.join(', ')}, which this system lacks`,
      toolkit[provider],
    );
  }
}

/** Folder of the package onnxruntime-node. */
function packageFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '..');
}

function libraryFolder(): string {
  return join(packageFolder(), 'bin', 'napi-v6', process.platform, process.arch);
}

function downloadThem(): string {
  const script = relative(process.cwd(), join(packageFolder(), 'script', 'install.js'));
  return `npm does not bring them; this downloads them: ONNXRUNTIME_NODE_INSTALL=cuda12 node ${script}`;
}

/** Shared libraries that the dynamic linker would not find; empty where there is no `ldd` to ask. */
async function unresolvedLibraries(files: readonly string[]): Promise<string[]> {
  const names = await Promise.all(
    files.map(async (file) => {
      const { stdout } = await promisify(execFile)('ldd', [file]).catch(() => ({ stdout: '' }));
      return [...stdout.matchAll(/^\s*(\S+) => not found$/gm)].map((match) => match[1]!);
    }),
  );
  return [...new Set(names.flat())].sort();
}
