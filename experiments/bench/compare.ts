/** Ours, PyTorch and onnxruntime on the same workloads, taking turns, so that a machine whose speed drifts slows all of them. */
import { ourWorker, type StepTime, type Task, type Worker, type Workload } from './protocol.js';
import { type TorchSetting, torchSettings, torchWorker } from './rivals.js';
import { type Spread, spreadOf } from './statistics.js';

/** What is compared, at the product's batch sizes, with the ratio to the best tuned PyTorch that must hold on AVX2 and is aimed at. */
export const comparisons: readonly {
  workload: Workload;
  batch: number;
  rounds: number;
  /** Steps of a turn: short ones come in turns of half a second, since a process that comes back has cold caches and threads asleep. */
  turn: number;
  goal: readonly [number, number];
}[] = [
  { workload: 'ldcnet-train', batch: 30, rounds: 3, turn: 1, goal: [2, 2.5] },
  { workload: 'activation-train', batch: 60, rounds: 3, turn: 1, goal: [1.5, 2] },
  { workload: 'erm-train', batch: 60, rounds: 3, turn: 1, goal: [2, 2.5] },
  { workload: 'ssdg-train', batch: 60, rounds: 3, turn: 1, goal: [2, 2.5] },
  { workload: 'safas-train', batch: 60, rounds: 3, turn: 1, goal: [2, 2.5] },
  { workload: 'ldcnet-eval', batch: 8, rounds: 7, turn: 3, goal: [1.5, 2] },
  { workload: 'ldcnet-eval', batch: 1, rounds: 7, turn: 20, goal: [1.5, 2] },
  { workload: 'grad-cam', batch: 10, rounds: 7, turn: 3, goal: [1.5, 2] },
];

export interface Contestant {
  name: string;
  /** What the ratios are counted from. */
  tuned: boolean;
  start(task: Task): Worker;
}

export const ours: Contestant = { name: 'ours', tuned: false, start: (task) => ourWorker(task) };

/** Takes part in evaluation. */
export const onnxruntime: Contestant = {
  name: 'onnxruntime, folded model',
  tuned: false,
  start: (task) => ourWorker(task, 'onnxruntime'),
};

export function torchContestants(python: string): Contestant[] {
  return torchSettings.map((setting: TorchSetting) => ({
    name: `PyTorch ${setting.name}`,
    tuned: setting.memory !== 'as shipped',
    start: (task) => torchWorker(python, setting, task),
  }));
}

export interface Figures {
  name: string;
  ms: Spread;
  cpuMs: Spread;
  peakRssMb: number;
  /** Pages mapped afresh in the median step. */
  pageFaults: number;
}

/** Each contestant warms up with one turn; then they take turns of `turn` steps, `rounds` times. */
export async function compare(
  task: Task,
  contestants: readonly Contestant[],
  rounds: number,
  turn: number,
): Promise<Figures[]> {
  const workers = contestants.map((contestant) => contestant.start(task));
  try {
    await Promise.all(workers.map((worker) => worker.ready()));
    const times = workers.map((): StepTime[] => []);
    for (let round = 0; round <= rounds; round++) {
      for (const [i, worker] of workers.entries()) {
        const time = await worker.step(turn);
        if (round > 0) times[i]!.push(time);
      }
    }
    return contestants.map(({ name }, i) => ({
      name,
      ms: spreadOf(times[i]!.map(({ ms }) => ms)),
      cpuMs: spreadOf(times[i]!.map(({ cpu_ms }) => cpu_ms)),
      peakRssMb: Math.max(...times[i]!.map(({ peak_rss_mb }) => peak_rss_mb)),
      pageFaults: spreadOf(times[i]!.map(({ page_faults }) => page_faults)).median,
    }));
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
}

export interface Ratios {
  /** Time of the fastest tuned PyTorch over ours. */
  tuned: number;
  /** The same of processor time, which other jobs on the machine disturb least. */
  tunedCpu: number;
  /** Time of PyTorch as shipped (NCHW) over ours. */
  shipped: number;
  /** Time of onnxruntime over ours, where it took part. */
  onnxruntime?: number;
}

export function ratiosOf(figures: readonly Figures[], contestants: readonly Contestant[]): Ratios | undefined {
  const [own, ...others] = figures as [Figures, ...Figures[]];
  const tuned = others.filter((_, i) => contestants[i + 1]!.tuned);
  const shipped = others.find(({ name }) => name === `PyTorch ${torchSettings[0]!.name}`);
  if (tuned.length === 0 || shipped === undefined) return undefined;
  const least = (value: (figures: Figures) => number) => Math.min(...tuned.map(value));
  const onnxruntime = others.find(({ name }) => name.startsWith('onnxruntime'));
  return {
    tuned: least(({ ms }) => ms.median) / own.ms.median,
    tunedCpu: least(({ cpuMs }) => cpuMs.median) / own.cpuMs.median,
    shipped: shipped.ms.median / own.ms.median,
    onnxruntime: onnxruntime && onnxruntime.ms.median / own.ms.median,
  };
}
