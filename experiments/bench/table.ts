/** `bench compare`: the whole comparison as one Markdown document, or one JSON object a line. */
import { UserError } from '../../src/base/errors.js';
import {
  type Contestant,
  compare,
  comparisons,
  type Figures,
  onnxruntime,
  ours,
  ratiosOf,
  torchContestants,
} from './compare.js';
import { type KernelTime, kernelTimes, passes } from './kernels.js';
import { type Machine, peakOf } from './machine.js';
import { torchInstallation, torchVersion } from './rivals.js';
import { rounded } from './statistics.js';

export interface CompareFlags {
  json?: boolean;
  batch?: number;
  size: number;
  steps?: number;
  python: string;
  only?: string;
  precision: 'fp32' | 'bf16';
}

export async function benchCompare(flags: CompareFlags, machine: Machine): Promise<void> {
  const { threads } = machine;
  const { precision } = flags;
  const version = await torchVersion(flags.python);
  if (version === undefined) process.stderr.write(`note: ${torchInstallation}\n`);
  const torch = version === undefined ? [] : torchContestants(flags.python);
  // A batch that the user names is measured once.
  const first = (workload: string) => comparisons.findIndex((each) => each.workload === workload);
  const chosen = comparisons.filter(
    ({ workload }, i) =>
      (flags.only === undefined || workload === flags.only) && (flags.batch === undefined || first(workload) === i),
  );
  if (chosen.length === 0) throw new UserError(`there is nothing to compare that is called ${flags.only}`);
  const say = (text: string) => flags.json || process.stdout.write(`${text}\n`);
  say(
    `\nPyTorch ${version ?? 'not installed'}${precision === 'bf16' ? ', torch.autocast' : ''}; ${precision}; images of ${flags.size} pixels; medians [range], each taking its turn.`,
  );
  for (const { workload, batch: usual, rounds: many, turn, goal } of chosen) {
    const [batch, rounds] = [flags.batch ?? usual, flags.steps ?? many];
    const contestants = [ours, ...torch, ...(workload === 'ldcnet-eval' ? [onnxruntime] : [])];
    const figures = await compare({ workload, batch, size: flags.size, threads, precision }, contestants, rounds, turn);
    if (flags.json) {
      const common = { name: workload, batch, size: flags.size, threads, steps: rounds, precision };
      for (const each of figures)
        process.stdout.write(`${JSON.stringify({ ...common, ...documentOf(each, batch) })}\n`);
    } else {
      say(stepTable(`${workload}, batch ${batch}`, figures, contestants, goal));
    }
  }
  if (flags.json || flags.only !== undefined) return;
  const times: KernelTime[] = [];
  for await (const time of kernelTimes(flags.size, flags.batch ?? 30, threads, flags.steps ?? 5)) times.push(time);
  say(kernelTable(times, machine));
}

function documentOf({ name, ms, cpuMs, peakRssMb, pageFaults }: Figures, batch: number) {
  return {
    contestant: name,
    ms_median: rounded(ms.median),
    ms_min: rounded(ms.least),
    ms_max: rounded(ms.most),
    cpu_ms_median: rounded(cpuMs.median),
    img_per_s: rounded((batch / ms.median) * 1e3),
    peak_rss_mb: rounded(peakRssMb, 1),
    page_faults: pageFaults,
  };
}

function stepTable(
  title: string,
  figures: readonly Figures[],
  contestants: readonly Contestant[],
  [must, aim]: readonly [number, number],
): string {
  const rows = figures.map(({ name, ms, cpuMs, peakRssMb, pageFaults }) => {
    const own = figures[0]!;
    const times = `${ms.median.toFixed(0)} [${ms.least.toFixed(0)}, ${ms.most.toFixed(0)}]`;
    const ratio = (ms.median / own.ms.median).toFixed(2);
    const cpuRatio = (cpuMs.median / own.cpuMs.median).toFixed(2);
    return `| ${name} | ${times} | ${ratio} | ${cpuMs.median.toFixed(0)} | ${cpuRatio} | ${peakRssMb.toFixed(0)} | ${pageFaults.toFixed(0)} |`;
  });
  const ratios = ratiosOf(figures, contestants);
  const verdict =
    ratios === undefined
      ? []
      : [
          '',
          `Best tuned PyTorch / ours: **${ratios.tuned.toFixed(2)}** (must ${must}, aim ${aim} on AVX2), by processor time ` +
            `${ratios.tunedCpu.toFixed(2)}; PyTorch as shipped / ours: ${ratios.shipped.toFixed(2)}` +
            `${ratios.onnxruntime === undefined ? '' : `; onnxruntime / ours: ${ratios.onnxruntime.toFixed(2)}`}.`,
        ];
  return [
    '',
    `### ${title}`,
    '',
    '| | ms a step | / ours | processor ms | / ours | peak RSS, MB | page faults a step |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    ...verdict,
  ].join('\n');
}

/** Percent of the peak, forward / data gradient / weight gradient. */
function kernelTable(times: readonly KernelTime[], machine: Machine): string {
  const layers = [...new Set(times.map(({ layer }) => layer.name))];
  const cell = (name: string, algorithm: string) => {
    const cells = passes.map((pass) => {
      const found = times.find(
        (time) => time.layer.name === name && time.algorithm === algorithm && time.pass === pass,
      );
      return found === undefined ? '–' : ((100 * found.gflops) / peakOf(machine, algorithm)).toFixed(0);
    });
    return cells.every((each) => each === '–') ? '–' : cells.join(' / ');
  };
  return [
    '',
    '### Kernels: percent of the FMA peak, bf16 of that of the tiles where there are any; forward / data gradient / weight gradient',
    '',
    '| layer | direct | Winograd | bf16 |',
    '|---|---|---|---|',
    ...layers.map(
      (name) => `| ${name} | ${cell(name, 'direct')} | ${cell(name, 'winograd')} | ${cell(name, 'bf16')} |`,
    ),
  ].join('\n');
}
