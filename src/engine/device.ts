/** Devices: where tensors live and kernels run. */
import { messageOf, UserError } from '../base/errors.js';
import {
  addon,
  type ConvAlgorithm,
  type MachinePeak,
  type MemoryStats,
  type NativeDevice,
  type WorkTime,
} from './native.js';

export class Device {
  /** How convolutions are computed; fixed when the device is opened, so that one run uses one arithmetic. */
  readonly convAlgorithm: ConvAlgorithm;

  constructor(
    readonly name: string,
    readonly native: NativeDevice,
    options: DeviceOptions = {},
  ) {
    this.convAlgorithm = options.convAlgorithm ?? 'auto';
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

  /** Times `body`'s work kernel by kernel. */
  async profile(body: () => Promise<void>): Promise<WorkTime[]> {
    this.native.takeTimes();
    this.native.profile(true);
    await body();
    this.native.profile(false);
    return this.native.takeTimes();
  }
}

export interface DeviceOptions {
  /** 'auto' or undefined: LDC_THREADS, else all processors this process may use. */
  threads?: number | 'auto';
  convAlgorithm?: ConvAlgorithm;
}

/**
 * Opens a device. `auto` takes the best that is usable.
 * @throws UserError when the name is unknown or LDC_THREADS, LDC_ISA ask for what this machine lacks
 */
export function openDevice(name: string, options: DeviceOptions = {}): Device {
  if (name !== 'cpu' && name !== 'auto') {
    throw new UserError(`there is no device ${JSON.stringify(name)}`, 'devices of this build: cpu');
  }
  const threads = options.threads === 'auto' ? undefined : options.threads;
  const { Device: Native } = addon();
  try {
    return new Device('cpu', new Native('cpu', threads), options);
  } catch (error) {
    throw new UserError(messageOf(error));
  }
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
