/** A device that hands out memory exactly as the CPU does and computes nothing: what a program needs is known before it runs. */
import { Device, type DeviceOptions } from './device.js';
import { addon, dtypes, type Handle, type NativeDevice } from './native.js';

const widths: Readonly<Record<number, number>> = {
  [dtypes.float32]: 4,
  [dtypes.int32]: 4,
  [dtypes.uint8]: 1,
  [dtypes.bfloat16]: 2,
};

/**
 * Memory is set aside but never touched, so that it costs address space alone. What is read from this device is zero. Working memory of
 * kernels is not counted: it is theirs when they run.
 */
export function dryDevice(threads: number, options: DeviceOptions = {}): Device {
  const native = new (addon().Device)('cpu', threads, options.precision === 'bf16' ? 'bf16' : 'fp32');
  const bytes = new Map<Handle, number>();
  const own: Partial<NativeDevice> = {
    create(dtype, layout, shape) {
      const handle = native.create(dtype, layout, shape);
      bytes.set(
        handle,
        shape.reduce((product, extent) => product * extent, widths[dtype]!),
      );
      return handle;
    },
    release(handle) {
      bytes.delete(handle);
      native.release(handle);
    },
    download: async (handle) => new ArrayBuffer(bytes.get(handle)!),
    memory: () => native.memory(),
    graphs: () => native.graphs(),
    conv2d_packed_elements: (...args) => native.conv2d_packed_elements(...args),
    takeTimes: () => [],
  };
  const nothing = () => {};
  const dry = new Proxy(native, {
    get: (_, name: keyof NativeDevice) => {
      if (name === 'threads' || name === 'description') return native[name];
      return own[name] ?? nothing;
    },
  });
  return new Device('dry', dry, options);
}
