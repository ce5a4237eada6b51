/** Devices: where tensors live and kernels run. */
import { messageOf, UserError, WorkError } from '../base/errors.js';
import { buildCommand } from '../base/packageFolder.js';
import {
  addon,
  type ConvAlgorithm,
  type CudaState,
  type FeatureType,
  type MachinePeak,
  type MemoryStats,
  type NativeDevice,
  type Precision,
  type WorkTime,
} from './native.js';

export class Device {
  /** How convolutions are computed; fixed when the device is opened, so that one run uses one arithmetic. */
  readonly convAlgorithm: ConvAlgorithm;
  readonly precision: Precision | 'auto';
  /** What activations and their gradients are stored in. */
  readonly featureType: FeatureType;

  constructor(
    readonly name: string,
    readonly native: NativeDevice,
    options: DeviceOptions = {},
  ) {
    this.convAlgorithm = options.convAlgorithm ?? 'auto';
    this.precision = options.precision ?? 'auto';
    this.featureType = this.precision === 'bf16' ? 'bfloat16' : 'float32';
  }

  /** What `precision` comes to: auto is tf32 on a GPU, fp32 on the CPU. */
  get arithmetic(): Precision {
    return this.precision === 'auto' ? (this.name === 'cuda' ? 'tf32' : 'fp32') : this.precision;
  }

  /** For people, e.g. `cpu avx512, 2 threads`. */
  get description(): string {
    return this.native.description;
  }

  get threads(): number {
    return this.native.threads;
  }

  /** While profiling: operations of one pass of each layer's convolution (profile.ts). */
  flops: Map<string, number> | undefined;
  /** Of the steps while profiling, how many were timed. */
  timedSteps = 0;
  private timeNext = true;
  private current = '';

  get currentLabel(): string {
    return this.current;
  }

  /** The layer that work submitted from now on belongs to; of no effect unless profiling. Returns the one before. */
  label(name: string): string {
    const before = this.current;
    if (this.flops === undefined && name !== '') return before;
    if (name !== before) this.native.label(name);
    this.current = name;
    return before;
  }

  memory(): MemoryStats {
    return this.native.memory();
  }

  /**
   * Begins to bring `values` to the device beside what it computes, where it can (a GPU): the next `set` of a tensor to this very array
   * finds them there, as they are now. One array at a time; without effect on results.
   */
  prefetch(values: ArrayBufferView): void {
    this.native.prefetch(values);
  }

  /**
   * Runs `body`, which submits one step of a loop: a GPU runs it all at once, as a graph. Reading in between is allowed. A graph cannot be
   * timed kernel by kernel: while profiling, every other step of a GPU is not timed, and runs as always.
   */
  step<T>(body: () => T): T {
    if (this.flops !== undefined) {
      if (this.name.startsWith('cuda')) this.native.profile(this.timeNext);
      if (this.timeNext) this.timedSteps++;
      this.timeNext = !this.name.startsWith('cuda') || !this.timeNext;
    }
    this.native.beginStep();
    try {
      return body();
    } finally {
      this.native.endStep();
    }
  }

  /** Times `body`'s work kernel by kernel. */
  async profile(body: () => Promise<void>): Promise<WorkTime[]> {
    this.native.takeTimes();
    this.native.profile(true);
    try {
      await body();
    } finally {
      this.native.profile(false);
    }
    return this.native.takeTimes();
  }
}

export interface DeviceOptions {
  /** 'auto' or undefined: LDC_THREADS, else all processors this process may use. */
  threads?: number | 'auto';
  convAlgorithm?: ConvAlgorithm;
  /** 'auto' or undefined: tf32 on a GPU, fp32 on the CPU, which has no tf32. */
  precision?: Precision | 'auto';
}

/**
 * Opens a device. `auto` takes cuda where it is usable, else cpu.
 * @throws UserError when the name is unknown, cuda is not usable, or the CPU is to compute in tf32; and when LDC_THREADS or LDC_ISA
 * ask for what this machine lacks
 */
export function openDevice(name: string, options: DeviceOptions = {}): Device {
  if (name === 'cuda' || (name === 'auto' && cudaState().unusable === '')) return openCuda(options);
  if (name !== 'cpu' && name !== 'auto') {
    throw new UserError(`there is no device ${JSON.stringify(name)}`, 'devices are auto, cpu and cuda');
  }
  const { precision = 'auto' } = options;
  if (precision === 'tf32') {
    const why = name === 'auto' ? ` (cuda cannot be used: ${cudaState().unusable})` : '';
    throw new UserError(`the cpu device computes in fp32 or bf16, not in tf32${why}`, 'leave precision at auto');
  }
  const threads = options.threads === 'auto' ? undefined : options.threads;
  const { Device: Native } = addon();
  try {
    return new Device('cpu', new Native('cpu', threads, precision === 'bf16' ? 'bf16' : 'fp32'), options);
  } catch (error) {
    throw new UserError(messageOf(error));
  }
}

function openCuda(options: DeviceOptions): Device {
  const { unusable } = cudaState();
  if (unusable !== '') throw new UserError(`the device cuda cannot be used: ${unusable}`, cudaHint());
  const precision = options.precision === undefined || options.precision === 'auto' ? 'tf32' : options.precision;
  const { Device: Native } = addon();
  try {
    const native = new Native('cuda', undefined, precision);
    // A GPU without tensor cores for what was asked says that it computes in fp32.
    return new Device(
      'cuda',
      native,
      native.description.endsWith(', fp32') ? { ...options, precision: 'fp32' } : options,
    );
  } catch (error) {
    throw new WorkError(
      `the device cuda cannot be opened: ${messageOf(error)}`,
      'look at nvidia-smi, or use --device cpu',
    );
  }
}

/** What is known of CUDA: build, driver, devices. */
export function cudaState(): CudaState {
  return addon().cuda();
}

/** What to do where CUDA cannot be used. */
export function cudaHint(): string {
  const { built, unusable } = cudaState();
  if (!built)
    return `where nvcc is installed, build it: ${buildCommand('build:native', 'LDC_CUDA=1 ')}; or use --device cpu`;
  if (unusable.startsWith('this build'))
    return `build it for all GPUs: ${buildCommand('build:cuda')}; or use --device cpu`;
  return 'nvidia-smi has to list a GPU, with a driver that is new enough; or use --device cpu';
}

/** Processors this process may use. */
export function processors(): number {
  return addon().processors;
}

/** Measures what this processor does at best with so many threads, on the chosen instruction set. Takes about a second, blocking. */
export function measurePeak(threads: number): MachinePeak {
  try {
    return addon().measurePeak(threads);
  } catch (error) {
    throw new UserError(messageOf(error));
  }
}
