/** Devices of one instruction set. */
import { expect } from 'vitest';
import { messageOf, UserError } from '../../src/base/errors.js';
import { type Device, type DeviceOptions, openDevice } from '../../src/engine/device.js';

/** A device that is sure to use `isa`: the addon reads the environment when a device is opened. */
export function deviceWith(isa: string, options: DeviceOptions): Device {
  process.env.LDC_ISA = isa;
  try {
    const device = openDevice('cpu', options);
    expect(device.description).toContain(`cpu ${isa}, ${device.threads} thread`);
    return device;
  } finally {
    delete process.env.LDC_ISA;
  }
}

/** Those that this processor has, the best one last. */
export function availableIsas(): string[] {
  return ['scalar', 'avx2', 'avx512', 'amx'].filter((isa) => {
    try {
      deviceWith(isa, { threads: 1 });
      return true;
    } catch (error) {
      if (error instanceof UserError && messageOf(error).includes('LDC_ISA=')) return false;
      throw error;
    }
  });
}
