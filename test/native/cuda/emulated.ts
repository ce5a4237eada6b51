/** The device `cuda-emulated`: the CUDA sources on the host, in an addon of its own that is built when it is first wanted. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Device, type DeviceOptions } from '../../../src/engine/device.js';
import { type Addon, addonPath, type Precision } from '../../../src/engine/native.js';

export interface EmulatedOptions extends DeviceOptions {
  precision?: Precision;
  /** Of the order in which blocks and threads run. */
  seed?: number;
  /** Follow accesses to shared memory; those to global memory always are. */
  checks?: boolean;
}

/** Where `npm run build:native` builds. */
export const buildFolder = dirname(dirname(addonPath()));

/** Builds targets beside the addon. Only one at a time may: tests run in several processes. */
export function build(...targets: string[]): void {
  const make = ['cmake', '--build', buildFolder, '--parallel', '2', '--target', ...targets];
  const { status, stdout, stderr } = spawnSync('flock', [join(buildFolder, 'targets.lock'), ...make], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${targets.join(', ')} cannot be built:\n${stdout}\n${stderr}`);
}

export function openEmulated(options: EmulatedOptions = {}): Device {
  build('ldc_emulated');
  const path = join(buildFolder, 'Release', 'ldc_emulated.node');
  const { Device: Native } = createRequire(import.meta.url)(path) as Addon;
  const { precision = 'fp32', seed = 0, checks = true } = options;
  return new Device('cuda-emulated', new Native('cuda-emulated', undefined, precision, seed, checks), options);
}
