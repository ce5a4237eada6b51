/** What this machine can do at best, measured: what all rates are counted in. */
import { cpus } from 'node:os';
import { measurePeak } from '../../src/engine/device.js';
import { rounded } from './statistics.js';

export interface Machine {
  cpu: string;
  isa: string;
  threads: number;
  fma_peak_gflops: number;
  /** Products of bf16 tiles; null where there are none. */
  tile_peak_gflops: number | null;
  bandwidth_gb_s: number;
}

export function measureMachine(threads: number): Machine {
  const { isa, fmaGflops, tileGflops, bandwidthGbS } = measurePeak(threads);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    isa,
    threads,
    fma_peak_gflops: rounded(fmaGflops),
    tile_peak_gflops: tileGflops && rounded(tileGflops),
    bandwidth_gb_s: rounded(bandwidthGbS),
  };
}

/** What a convolution of this kind is measured by: bf16 by tiles where there are any, else multiply-adds. */
export function peakOf(machine: Machine, algorithm: string): number {
  return (algorithm === 'bf16' && machine.tile_peak_gflops) || machine.fma_peak_gflops;
}
