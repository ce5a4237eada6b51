/** A device that computes nothing and takes a given time for each step: what an epoch takes beyond it is the input's and the loop's. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Device } from '../../src/engine/device.js';
import { dryDevice } from '../../src/engine/dryDevice.js';
import type { Handle, NativeDevice } from '../../src/engine/native.js';

/** @param stepMs milliseconds of a step, from its submission or the end of the one before; timers may be late by one */
export function pacedDevice(stepMs: number): Device {
  const { native: dry } = dryDevice(1);
  /** When all that was submitted is done. */
  let done = 0;
  // Host bytes are copied once, as into pinned memory.
  let pinned = new Uint8Array(0);
  const copy = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => {
    if (pinned.length < byteLength) pinned = new Uint8Array(byteLength);
    pinned.set(new Uint8Array(buffer, byteOffset, byteLength));
  };
  /** Where `all_finite` writes; what is read from a dry device is zero, which would say that a training diverged. */
  const verdicts = new Set<Handle>();
  const own: Partial<NativeDevice> = {
    all_finite: (_, finite) => void verdicts.add(finite),
    endStep() {
      done = Math.max(done, performance.now()) + stepMs;
    },
    prefetch: copy,
    upload: (_, data) => copy(data),
    async download(handle) {
      // Asked for first: by the time the step is done, the caller may have released the handle.
      const values = verdicts.has(handle) ? new Float32Array([1]).buffer : dry.download(handle);
      const left = done - performance.now();
      if (left > 0) await sleep(left);
      return values;
    },
  };
  return new Device('paced', new Proxy(dry, { get: (_, name: keyof NativeDevice) => own[name] ?? dry[name] }));
}
