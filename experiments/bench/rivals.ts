/** What ours is compared with: PyTorch in four settings, with bf16 in an autocast, and how to get it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Task, Worker } from './protocol.js';

/** The program runs from dist/, the Python file stays where it was written. */
const torchProgram = ['torch_worker.py', '../../../experiments/bench/torch_worker.py']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path))!;

export const torchInstallation =
  'PyTorch was not found, so nothing is compared with it. Install it with `pip install torch --index-url ' +
  'https://download.pytorch.org/whl/cpu` or `apt install python3-torch`, and name another interpreter with --python';

/** glibc keeps what is freed and uses it again, instead of giving every large block back to the system and mapping it anew. */
const reusedMemory = {
  MALLOC_MMAP_THRESHOLD_: `${2 ** 32}`,
  MALLOC_TRIM_THRESHOLD_: `${2 ** 34}`,
  MALLOC_TOP_PAD_: `${2 ** 28}`,
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
};

export interface TorchSetting {
  name: string;
  memory: 'as shipped' | 're-used memory';
  layout: 'contiguous' | 'channels_last';
}

export const torchSettings: readonly TorchSetting[] = (['as shipped', 're-used memory'] as const).flatMap((memory) =>
  (['contiguous', 'channels_last'] as const).map((layout) => ({
    name: `${memory}, ${layout === 'contiguous' ? 'NCHW' : layout}`,
    memory,
    layout,
  })),
);

/** Version of torch behind `python`, or undefined when it has none. */
export async function torchVersion(python: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(python, ['-c', 'import torch; print(torch.__version__)']);
    return stdout.trim();
  } catch {
    return undefined;
  }
}

export function torchWorker(
  python: string,
  setting: TorchSetting,
  { workload, batch, size, threads, precision }: Task,
): Worker {
  const args = [torchProgram, workload, `${batch}`, `${size}`, `${threads}`, setting.layout, precision];
  const memory: Record<string, string> = setting.memory === 'as shipped' ? {} : reusedMemory;
  return new Worker(python, args, { ...memory, OMP_NUM_THREADS: `${threads}` });
}
