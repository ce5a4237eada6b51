/** The GPUs of this machine, handed out to a study's processes: each sees one alone. */
import { UserError } from '../base/errors.js';

export interface Gpu {
  /** Its place in CUDA's list. */
  number: number;
  name: string;
  /** What CUDA_VISIBLE_DEVICES has to be for a process that sees it alone. */
  visible: string;
}

/**
 * The GPUs that CUDA lists, or those of them with the numbers `wanted`.
 * @param names as CUDA lists them to this process
 * @param visible this process's own CUDA_VISIBLE_DEVICES, through which it sees them: numbers, or names of GPUs and their parts
 * @throws UserError for a number that is not in the list
 */
export function gpusOf(names: readonly string[], wanted?: readonly number[], visible?: string): Gpu[] {
  const own = visible?.split(',').map((word) => word.trim());
  const all = names.map((name, number) => ({ number, name, visible: own?.[number] ?? String(number) }));
  return (wanted ?? all.map(({ number }) => number)).map((number) => {
    const gpu = all[number];
    if (gpu === undefined) {
      const list = all.map((each) => `${each.number} (${each.name})`).join(', ');
      throw new UserError(`there is no GPU ${number}`, `CUDA lists ${list || 'none'}`);
    }
    return gpu;
  });
}

/** Places on GPUs, `perGpu` on each; a process takes one and gives it back. */
export class GpuPlaces {
  private readonly free: Gpu[];
  readonly count: number;

  constructor(gpus: readonly Gpu[], perGpu: number) {
    this.free = Array.from({ length: perGpu }, () => gpus).flat();
    this.count = this.free.length;
  }

  /** Undefined when all are taken. */
  take(): Gpu | undefined {
    return this.free.shift();
  }

  /** Those given back last come last, so that no GPU is hot while others idle. */
  give(gpu: Gpu): void {
    this.free.push(gpu);
  }
}
