/** The layers of both networks at their real widths on the emulated device, by ldc_check --layers. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildFolder } from './emulated.js';

/** One small image: with one multiprocessor to fill, it gets the tiles that a batch gets on a GPU. */
export const smallLayers = ['--layers', '--batch', '1', '--size', '128', '--unfollowed'];

export function checkLayers(
  { precision, capability, wgmma = '1' }: { precision: string; capability: string; wgmma?: string },
  more: string[] = [],
  program = join(buildFolder, 'ldc_check_emulated'),
): { status: number | null; output: string } {
  const env = {
    ...process.env,
    LDC_CUDA_EMULATED_CAPABILITY: capability,
    LDC_CUDA_EMULATED_MULTIPROCESSORS: '1',
    LDC_CUDA_WGMMA: wgmma,
  };
  const call = [...smallLayers, ...more, '--device', 'cuda-emulated', '--precision', precision];
  const { status, stdout, stderr } = spawnSync(program, call, { encoding: 'utf8', env });
  return { status, output: stdout + stderr };
}

/** Each precision, and warp-group MMA. */
export const mainKinds = [
  { precision: 'fp32', capability: '8.0' },
  { precision: 'tf32', capability: '8.0' },
  { precision: 'bf16', capability: '8.0' },
  { precision: 'tf32', capability: '9.0' },
  { precision: 'bf16', capability: '9.0' },
];
/** Every kind of code there is: also warp-group MMA turned off. */
export const kindsOfCode = [
  ...mainKinds,
  { precision: 'tf32', capability: '9.0', wgmma: '0' },
  { precision: 'bf16', capability: '9.0', wgmma: '0' },
];
