/** `ldc convert --full`: weights with all names that the released program's network has, constants and second names included. */
import { dryDevice } from '../../engine/dryDevice.js';
import { loadState, type StateEntry, type StateSource } from '../../engine/nn/module.js';
import { type NamedTensor, writeSafetensors } from '../../formats/safetensors.js';
import { sealKey } from '../../formats/sealed.js';
import { loadConfig, methodOf } from '../configuration.js';
import { openWeights } from './weightsFile.js';

/**
 * Writes what PyTorch's `load_state_dict` takes without `strict=False`, as safetensors. Weights are float32, counters int64.
 * @returns names of the input that the network does not have, and which are not written
 * @throws UserError when the input is no whole network of a method
 */
export async function convertFull(
  input: string,
  output: string,
  note: (text: string) => void,
): Promise<{ tensors: number; bytes: number; ignored: string[] }> {
  const { state, metadata, overrides, alike } = await openWeights(input, note);
  const [method, ...told] = overrides;
  const config = await loadConfig(undefined, [method!, ...alike, ...told]);
  const net = methodOf(config).network(config, dryDevice(1), null);
  try {
    const { ignored } = await loadState(net, state);
    const tensors: NamedTensor[] = [];
    for (const entry of net.state()) tensors.push(await tensorOf(entry, state));
    const { [sealKey]: _, ...own } = metadata;
    await writeSafetensors(output, tensors, { ...own, format: 'pt' });
    const bytes = tensors.reduce((sum, { data }) => sum + (data as Float32Array | BigInt64Array).byteLength, 0);
    return { tensors: tensors.length, bytes, ignored };
  } finally {
    net.dispose();
  }
}

async function tensorOf(
  { name, shape, constant, counter, sameAs }: StateEntry,
  state: StateSource,
): Promise<NamedTensor> {
  if (counter !== undefined) {
    return { name, shape, dtype: 'I64', data: BigInt64Array.of(BigInt(counter.value)) };
  }
  const count = shape.reduce((a, b) => a * b, 1);
  const data =
    constant === undefined
      ? Float32Array.from(await state.values(sameAs ?? name))
      : new Float32Array(count).fill(constant);
  return { name, shape, dtype: 'F32', data };
}
