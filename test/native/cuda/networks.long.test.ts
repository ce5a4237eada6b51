/** Every fixture case, the whole networks among them, through the engine on the emulated CUDA device, in fp32. */
import { beforeAll, expect, it } from 'vitest';
import type { Device } from '../../../src/engine/device.js';
import { fixtureSets } from '../../parity/folders.js';
import { runCase } from '../../parity/runCase.js';
import { openEmulated } from './emulated.js';

const minutes = 60_000;
let device: Device;

// Accesses to shared memory are followed operator by operator in emulator.test.ts; here it would take hours.
beforeAll(() => {
  device = openEmulated({ convAlgorithm: 'direct', checks: false });
}, 15 * minutes);

it.each(fixtureSets.flatMap((set) => set.cases.map((fixture) => ({ id: fixture.id, set, fixture }))))(
  '$id',
  { timeout: 10 * minutes },
  async ({ set, fixture }) => {
    const before = device.memory().tensors;
    const outcome = await runCase(set, fixture, device);
    expect(outcome).toMatchObject({ status: 'passed' });
    expect(device.memory().tensors, 'tensors left behind').toBe(before);
  },
);
