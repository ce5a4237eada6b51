/** LDCNet weights for tests: made from a seed, with batch statistics and descriptors that are not at their start. */
import type { Device } from '../../../src/engine/device.js';
import type { StateEntry, StateSource } from '../../../src/engine/nn/module.js';
import type { ConvForm } from '../../../src/method/descriptiveConv.js';
import { LdcNet } from '../../../src/method/ldcnet/network.js';
import { generate } from '../../parity/generated.js';

/** Every tensor of the network that loads, by name. */
export function weightsOf(
  net: Pick<LdcNet, 'state'>,
  seed: number,
): StateSource & { entries: Map<string, Float32Array> } {
  const entries = new Map<string, Float32Array>();
  const shapes = new Map<string, readonly number[]>();
  for (const entry of net.state()) {
    if (entry.sameAs !== undefined || entry.constant !== undefined) continue;
    entries.set(entry.name, valuesOf(entry, seed));
    shapes.set(entry.name, entry.shape);
  }
  return {
    origin: 'test weights',
    names: [...entries.keys()],
    entries,
    shape: (name) => shapes.get(name)!,
    values: async (name) => entries.get(name)!,
  };
}

function valuesOf({ name, shape, counter }: StateEntry, seed: number): Float32Array {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const around = (offset: number, scale: number) => generate(name, seed, size, { scale, offset });
  if (counter !== undefined) return Float32Array.of(7);
  if (name.endsWith('running_var')) return around(1, 0.5);
  if (name.endsWith('running_mean')) return around(0, 0.3);
  if (name.includes('mask')) return around(1, 0.5);
  if (name.includes('theta')) return around(0.5, 0.2);
  if (shape.length === 1) return around(name.endsWith('bias') ? 0.05 : 1, 0.3);
  return around(0, Math.sqrt(3 / (size / shape[0]!)));
}

/** Has no weights yet. */
export function smallNet(device: Device, kind: ConvForm['kind']): LdcNet {
  return new LdcNet(device, { conv: { kind, theta: 0.5 }, mapSize: 8, seed: null });
}
