/** A device that computes nothing and takes a given time for each step: what an epoch takes beyond it is the input's and the loop's. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Device } from '../../src/engine/device.js';
import { dryDevice } from '../../src/engine/dryDevice.js';
import type { NativeDevice } from '../../src/engine/native.js';

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
  const own: Partial<NativeDevice> = {
    endStep() {
      done = Math.max(done, performance.now()) + stepMs;
    },
    prefetch: copy,
    upload: (_, data) => copy(data),
    async download(handle) {
      // Asked for first: by the time the step is done, the caller may have released the handle.
      const values = dry.download(handle);
      const left = done - performance.now();
      if (left > 0) await sleep(left);
      return values;
    },
  };
  return new Device('paced', new Proxy(dry, { get: (_, name: keyof NativeDevice) => own[name] ?? dry[name] }));
}
