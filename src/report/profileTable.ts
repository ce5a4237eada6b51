/** A training step's profile as tables: convolutions by layer and pass, beside what the machine can do, and kernels by time. */
import type { GraphCounts, MachinePeak } from '../engine/native.js';
import { type ConvPass, convPassOf, type ProfileRow } from '../engine/profile.js';
import { MISSING, type Table } from './table.js';

export interface StepProfile {
  /** Averages of one step. */
  rows: readonly ProfileRow[];
  steps: number;
  peak: MachinePeak;
  memory: { peakTensorsMb: number; reservedMb: number; peakRssMb: number; growths: { all: number; late: number } };
  /** Of steps that were not timed. */
  graphs: GraphCounts;
}

const passes: readonly ConvPass[] = ['forward', 'dataGrad', 'weightGrad'];

/** One row a layer that has a convolution: milliseconds, GFLOP/s and percent of the FMA peak of each pass. */
export function layerTable({ rows, steps, peak }: StepProfile): Table {
  const cells = (layer: string) =>
    passes.map((pass) => {
      const found = rows.find((row) => row.layer === layer && convPassOf(row.kernel) === pass);
      if (found === undefined) return MISSING;
      const gflops = found.flops / found.seconds / 1e9;
      return `${ms(found.seconds)} ${gflops.toFixed(0)} ${((100 * gflops) / peak.fmaGflops).toFixed(0)}`;
    });
  const rest = (layer: string) => {
    const others = rows.filter((row) => row.layer === layer && convPassOf(row.kernel) === undefined);
    return ms(others.reduce((sum, { seconds }) => sum + seconds, 0));
  };
  const layers = [...new Set(rows.filter(({ flops }) => flops > 0).map(({ layer }) => layer))];
  return {
    title: `Convolutions, mean of ${steps} steps: ms, GFLOP/s, % of the FMA peak (${peak.fmaGflops.toFixed(0)} GFLOP/s, ${peak.isa})`,
    columns: [
      { title: 'layer', align: 'left' },
      ...['forward', 'data gradient', 'weight gradient', 'packing and sums, ms'].map(
        (title) => ({ title, align: 'right' }) as const,
      ),
    ],
    rows: layers.map((layer) => [layer, ...cells(layer), rest(layer)]),
    notes: [
      'GFLOP/s count the multiplications and additions of the direct sum: Winograd does fewer and may exceed the peak.',
    ],
  };
}

/** One row a kernel, the slowest first. */
export function kernelTable({ rows, steps, memory, peak, graphs }: StepProfile): Table {
  const kernels = [...new Set(rows.map(({ kernel }) => kernel))].map((kernel) => {
    const own = rows.filter((row) => row.kernel === kernel);
    const sum = (value: (row: ProfileRow) => number) => own.reduce((total, row) => total + value(row), 0);
    return { kernel, seconds: sum((row) => row.seconds), calls: sum((row) => row.calls) };
  });
  const total = kernels.reduce((sum, { seconds }) => sum + seconds, 0);
  const sorted = kernels.sort((a, b) => b.seconds - a.seconds);
  return {
    title: `Kernels, mean of ${steps} steps: ${ms(total)} ms a step`,
    columns: [
      { title: 'kernel', align: 'left' },
      { title: 'ms', align: 'right' },
      { title: '%', align: 'right' },
      { title: 'calls', align: 'right' },
    ],
    rows: sorted.map(({ kernel, seconds, calls }) => [
      kernel,
      ms(seconds),
      ((100 * seconds) / total).toFixed(1),
      calls.toFixed(0),
    ]),
    notes: [
      `Peak memory: ${memory.peakTensorsMb.toFixed(0)} MB of tensors in an arena of ${memory.reservedMb.toFixed(0)} MB (kernels' working memory included), process ${memory.peakRssMb.toFixed(0)} MB; taken from the system ${memory.growths.all} times, ${memory.growths.late} of them after the third step.`,
      ...graphNotes(graphs),
      `Memory bandwidth of this machine: ${peak.bandwidthGbS.toFixed(1)} GB/s (triad).`,
    ],
  };
}

/** Nothing of a device without graphs. */
function graphNotes({ updated, made, remade }: GraphCounts): string[] {
  if (updated + made + remade === 0) return [];
  return [
    `Every other step ran as graphs and was not timed: ${updated} graphs brought up to date, ${made} made, ${remade} made anew because the one before could not be brought up to date.`,
  ];
}

function ms(seconds: number): string {
  return (seconds * 1e3).toFixed(seconds < 0.01 ? 2 : 1);
}
