/** `npm run bench -- kernels|ops|step|eval|cam|predict|epoch|rows|serve|compare|convergence`: how fast this machine computes, beside what it could do. */
import { availableParallelism } from 'node:os';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UserError } from '../../src/base/errors.js';
import { interruption, progressFor, reportError } from '../../src/cli/output.js';
import { openDevice } from '../../src/engine/device.js';
import { type ConvergenceOptions, contests, convergence } from './convergence.js';
import { epochBatch, epochTimes, pacedTimes } from './epoch.js';
import { kernelTimes } from './kernels.js';
import { type Machine, measureMachine, peakOf } from './machine.js';
import { operationTimes } from './ops.js';
import { ourWorker, type Task, type Workload, workloads } from './protocol.js';
import { replay, replayed } from './replay.js';
import { measureRows, rowsMeasurements, rowsTimes } from './rows.js';
import { type ServedOptions, servedRounds } from './served.js';
import { rounded, spreadOf } from './statistics.js';
import { benchCompare, type CompareFlags } from './table.js';

interface Flags {
  json?: boolean;
  threads?: number;
  batch?: number;
  size: number;
  steps?: number;
  precision: 'fp32' | 'bf16';
}

/** What each sub-command measures, at the batch sizes of the product. */
const measurements: Record<string, { about: string; runs: readonly (readonly [Workload, number])[] }> = {
  step: {
    about: 'a training step of each method and of the activation network',
    runs: [
      ['ldcnet-train', 30],
      ['activation-train', 60],
      ['erm-train', 60],
      ['ssdg-train', 60],
      ['safas-train', 60],
    ],
  },
  eval: {
    about: 'scores and maps of a batch, with weights packed once',
    runs: [
      ['ldcnet-eval', 8],
      ['ldcnet-eval', 1],
    ],
  },
  cam: { about: 'quasi ground truth maps', runs: [['grad-cam', 10]] },
  predict: { about: 'JPEG files to scores, one at a time', runs: [['predict', 8]] },
};

try {
  await command().parseAsync(process.argv);
} catch (error) {
  // commander has printed its own message; asking for help is no error.
  const asked = error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help');
  process.exitCode = error instanceof CommanderError ? (asked ? 0 : 2) : reportError(error, false);
}

function command(): Command {
  const program = new Command('bench').description(
    "this machine's rates; its measured FMA peak and memory bandwidth come first",
  );
  withFlags(program.command('kernels').description('the convolution kernels, layer by layer')).action(benchKernels);
  const ops = program.command('ops').description('every operation at the size that it has in a step');
  withPrecision(ops, { step: false }).option('--only <operation>', 'one of them').action(benchOps);
  for (const [name, { about, runs }] of Object.entries(measurements)) {
    withPrecision(program.command(name).description(about)).action((flags: Flags) => benchSteps(runs, flags));
  }
  const epoch = program
    .command('epoch')
    .description('epochs from JPEG files by turns with the bare step (SYNTHETIC images)')
    .option('--rounds <n>', 'epochs of each kind', positive, 3)
    .option(
      '--step-ms <ms>',
      'with a device that computes nothing and takes so long for a step: the limit of the input',
      milliseconds,
    );
  withFlags(epoch, { batch: false }).action(benchEpoch);
  addRows(program);
  addServe(program);
  addCompare(program);
  addConvergence(program);
  addReplay(program);
  return program;
}

function addRows(program: Command): void {
  program
    .command('rows')
    .description(
      'a large crop set, from its manifest to the report of its scores: time and memory of each part (drawn rows)',
    )
    .exitOverride()
    .option('--rows <n>', 'images of the set', positive, 1_000_000)
    .addOption(new Option('--only <part>', 'one part, in this process; needs --folder').choices(rowsMeasurements))
    .option('--folder <dir>', 'where the parts before it left their files')
    .option('--json', 'one JSON object a line')
    .action(benchRows);
}

async function benchRows(flags: { rows: number; only?: string; folder?: string; json?: boolean }): Promise<void> {
  const { rows, only, folder } = flags;
  if ((only === undefined) !== (folder === undefined)) throw new UserError('--only and --folder belong together');
  const one = async function* () {
    yield await measureRows(only!, rows, folder!);
  };
  for await (const figures of only === undefined ? rowsTimes(rows, process.argv[1]!) : one()) {
    const { what, seconds, cpu, peak } = figures;
    const text = `| ${what} | ${seconds.toFixed(2)} s | ${cpu.toFixed(2)} s | ${peak.toFixed(0)} MB |`;
    process.stdout.write(`${flags.json ? JSON.stringify(figures) : text}\n`);
  }
}

function addServe(program: Command): void {
  program
    .command('serve')
    .description('a small training by turns alone and beside ldc serve with open pages; all end in the same bits')
    .exitOverride()
    .option('--rounds <n>', 'trainings of each kind', positive, 4)
    .option('--epochs <n>', 'of each', positive, 40)
    .option('--threads <n>', 'of the training', positive, availableParallelism())
    .option('--json', 'one JSON object a line')
    .action(benchServe);
}

async function benchServe(flags: ServedOptions & { json?: boolean }): Promise<void> {
  const lost: Record<'clock' | 'cpu', number[]> = { clock: [], cpu: [] };
  const more = (served: number, alone: number) => 100 * (served / alone - 1);
  for await (const round of servedRounds(flags)) {
    const { alone, served, answers, server } = round;
    for (const what of ['clock', 'cpu'] as const) lost[what].push(more(served[what], alone[what]));
    const text =
      `alone ${alone.clock.toFixed(2)} s, processor ${alone.cpu.toFixed(2)} s; beside the pages (${answers} answers, ${server.toFixed(2)} s of the server) ` +
      `${served.clock.toFixed(2)} s, ${served.cpu.toFixed(2)} s`;
    process.stdout.write(`${flags.json ? JSON.stringify(round) : text}\n`);
  }
  const [clock, cpu] = [spreadOf(lost.clock), spreadOf(lost.cpu)];
  const range = ({ median, least, most }: typeof clock) =>
    `${median.toFixed(1)} % [${least.toFixed(1)}, ${most.toFixed(1)}]`;
  const text = `lost, median and range: by the clock ${range(clock)}, of processor time ${range(cpu)}; the same bits`;
  process.stdout.write(`${flags.json ? JSON.stringify({ lost_percent: { clock, cpu } }) : text}\n`);
}

function addCompare(program: Command): void {
  withPrecision(program.command('compare'))
    .description(
      'ours and PyTorch (onnxruntime) by turns in one run, then the kernels: Markdown, twenty minutes on two cores',
    )
    .option('--python <program>', 'interpreter that has torch', 'python3')
    .option('--only <workload>', `one of ${workloads.filter((name) => name !== 'predict').join(', ')}`)
    .action((flags: CompareFlags) => benchCompare(flags, printMachine(flags)));
}

function addConvergence(program: Command): void {
  program
    .command('convergence')
    .description('trains with both of what is compared, several seeds each; Markdown and a plot')
    .exitOverride()
    .addOption(
      new Option('--of <what>', 'direct and Winograd convolutions, or fp32 and bf16')
        .choices(Object.keys(contests))
        .default('algorithm'),
    )
    .requiredOption('--data <dir>', 'folder of crop sets (ldc synth)')
    .requiredOption('--out <dir>', 'folder for the runs and the plot')
    .option('--protocol <expression>', 'which domains', 'O&C&I-to-M')
    .option('--steps <n>', 'steps of each run, rounded up to whole epochs', positive, 300)
    .option('--seeds <n>', 'seeds', positive, 3)
    .option('--threads <n>', 'threads', positive)
    .option('--quiet', 'no progress')
    .action(async (flags: Omit<ConvergenceOptions, 'progress' | 'signal'> & { quiet?: boolean }) => {
      const text = await convergence({ ...flags, progress: progressFor(flags), signal: interruption() });
      process.stdout.write(`${text}\n`);
    });
}

function addReplay(program: Command): void {
  program
    .command('replay')
    .description('the launches of one small step, with digests of what they computed: for a diff between two versions')
    .exitOverride()
    .addArgument(new Argument('<workload>', 'which step').choices(replayed))
    .addOption(new Option('--precision <precision>').choices(['fp32', 'bf16']).default('fp32'))
    .action(async (workload: Workload, { precision }: Pick<Flags, 'precision'>) => {
      const launches = await replay(workload, openDevice('cpu', { precision }));
      process.stdout.write(launches.map(({ kernel, call, digest }) => `${digest} ${kernel} ${call}\n`).join(''));
    });
}

function withFlags(command: Command, { batch = true, size = true } = {}): Command {
  if (batch) command.option('--batch <n>', 'images a step', positive);
  if (size) command.option('--size <pixels>', 'side of the images, a multiple of 32', imageSize, 256);
  return command
    .exitOverride()
    .option('--json', 'one JSON object a line')
    .option('--threads <n>', 'threads (default: LDC_THREADS, else all processors)', positive)
    .option('--steps <n>', 'measured repeats, after one that warms up', positive);
}

function withPrecision(command: Command, { step = true } = {}): Command {
  const precision = new Option('--precision <precision>', 'of ours, and of PyTorch: bf16 is torch.autocast');
  return withFlags(command.addOption(precision.choices(['fp32', 'bf16']).default('fp32')), { batch: step, size: step });
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('a whole number of at least 1 is needed.');
  return value;
}

function milliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < 1e6))
    throw new InvalidArgumentError('milliseconds are needed, from 0.');
  return value;
}

function imageSize(text: string): number {
  const value = positive(text);
  if (value % 32 !== 0) throw new InvalidArgumentError('a multiple of 32 is needed.');
  return value;
}

function print(flags: Flags, document: unknown, text: string): void {
  process.stdout.write(`${flags.json ? JSON.stringify(document) : text}\n`);
}

/** Measures and prints what the machine can do at best. */
function printMachine(flags: Flags): Machine {
  const threads = openDevice('cpu', { threads: flags.threads }).threads;
  const machine = measureMachine(threads);
  const { cpu, isa, fma_peak_gflops: fma, tile_peak_gflops: tile, bandwidth_gb_s: bandwidth } = machine;
  const text =
    `${cpu}, ${isa}, ${threads} ${threads === 1 ? 'thread' : 'threads'}: FMA peak ${fma.toFixed(0)} GFLOP/s, ` +
    `${tile === null ? '' : `tiles ${tile.toFixed(0)} GFLOP/s, `}memory ${bandwidth.toFixed(1)} GB/s (triad)`;
  print(flags, { machine }, text);
  return machine;
}

async function benchKernels(flags: Flags): Promise<void> {
  const machine = printMachine(flags);
  const { threads } = machine;
  const { size, batch = 30, steps = 5 } = flags;
  for await (const { layer, pass, algorithm, seconds, gflops } of kernelTimes(size, batch, threads, steps)) {
    const percent = (100 * gflops) / peakOf(machine, algorithm);
    const document = {
      name: 'kernel',
      layer: layer.name,
      pass,
      algorithm,
      batch,
      size,
      threads,
      steps,
      ms_median: rounded(seconds.median * 1e3, 3),
      ms_min: rounded(seconds.least * 1e3, 3),
      ms_max: rounded(seconds.most * 1e3, 3),
      gflops: rounded(gflops),
      percent_of_peak: rounded(percent),
    };
    const text =
      `${layer.name.padEnd(18)} ${pass.padEnd(11)} ${algorithm.padEnd(8)} ` +
      `${(seconds.median * 1e3).toFixed(2).padStart(8)} ms [${(seconds.least * 1e3).toFixed(2)}, ${(seconds.most * 1e3).toFixed(2)}]` +
      `  ${gflops.toFixed(0).padStart(5)} GFLOP/s  ${percent.toFixed(0).padStart(4)} %`;
    print(flags, document, text);
  }
}

async function benchOps(flags: Flags & { only?: string }): Promise<void> {
  const { threads } = printMachine(flags);
  const { steps = 5, precision, only } = flags;
  const device = openDevice('cpu', { threads, precision });
  for await (const { operation, forward, both, bytes } of operationTimes(device, steps, only)) {
    const rate = bytes / (forward.median * 1e6);
    const document = {
      name: 'operation',
      operation,
      precision,
      threads,
      steps,
      ms_median: rounded(forward.median, 3),
      ms_min: rounded(forward.least, 3),
      ms_max: rounded(forward.most, 3),
      ms_median_with_gradient: both ? rounded(both.median, 3) : null,
      gb_s: rounded(rate, 2),
    };
    const text =
      `${operation.padEnd(22)} ${forward.median.toFixed(3).padStart(9)} ms [${forward.least.toFixed(3)}, ${forward.most.toFixed(3)}]` +
      `  ${rate.toFixed(1).padStart(5)} GB/s${both ? `  with its gradient ${both.median.toFixed(3)} ms` : ''}`;
    print(flags, document, text);
  }
}

async function benchEpoch(flags: Flags & { rounds: number; stepMs?: number }): Promise<void> {
  if (flags.stepMs !== undefined) return benchPacedEpoch({ ...flags, stepMs: flags.stepMs });
  const { threads } = printMachine(flags);
  const { size, steps = 8, rounds } = flags;
  const signal = interruption();
  for (const { source, epoch, bare, ratio, checkpoint } of await epochTimes({ size, threads, steps, rounds, signal })) {
    const over = (figure: 'ms' | 'cpu') => 100 * (ratio[figure] - 1);
    const document = {
      name: 'ldcnet-epoch',
      source,
      synthetic: true,
      batch: epochBatch,
      size,
      threads,
      steps,
      ms_median: rounded(epoch.ms),
      bare_ms_median: rounded(bare.ms),
      overhead_percent: rounded(over('ms'), 1),
      cpu_ms_median: rounded(epoch.cpu),
      bare_cpu_ms_median: rounded(bare.cpu),
      cpu_overhead_percent: rounded(over('cpu'), 1),
      checkpoint_ms: rounded(checkpoint),
    };
    const text =
      `a step from ${source === 'jpeg' ? 'JPEG files' : 'the cache  '}  ${epoch.ms.toFixed(1)} ms, bare ${bare.ms.toFixed(1)} ms: ${over('ms').toFixed(1)} % more` +
      `  (processor time ${epoch.cpu.toFixed(1)} and ${bare.cpu.toFixed(1)} ms: ${over('cpu').toFixed(1)} %)  checkpoint ${checkpoint.toFixed(0)} ms an epoch`;
    print(flags, document, text);
  }
}

async function benchPacedEpoch(flags: Flags & { rounds: number; stepMs: number }): Promise<void> {
  const { size, steps = 40, rounds, stepMs } = flags;
  for (const { source, ms, cpu } of await pacedTimes({ size, steps, rounds, signal: interruption() }, stepMs)) {
    const document = {
      name: 'paced-epoch',
      source,
      synthetic: true,
      batch: epochBatch,
      size,
      processors: availableParallelism(),
      steps,
      step_ms: stepMs,
      ms_median: rounded(ms),
      cpu_ms_median: rounded(cpu),
      img_per_s: rounded((epochBatch / ms) * 1e3, 0),
    };
    const text =
      `${availableParallelism()} processors, a device that takes ${stepMs} ms, images from ${source === 'jpeg' ? 'JPEG files' : 'the cache  '}: ` +
      `${ms.toFixed(1)} ms a step, ${((epochBatch / ms) * 1e3).toFixed(0)} images/s (processor time ${cpu.toFixed(1)} ms)`;
    print(flags, document, text);
  }
}

async function benchSteps(runs: readonly (readonly [Workload, number])[], flags: Flags): Promise<void> {
  const { threads } = printMachine(flags);
  // A batch that the user names is measured once, whatever others the sub-command would take.
  const names = [...new Set(runs.map(([workload]) => workload))];
  const chosen = flags.batch === undefined ? runs : names.map((workload) => [workload, flags.batch!] as const);
  for (const [workload, batch] of chosen) {
    const task: Task = { workload, batch, size: flags.size, threads, precision: flags.precision };
    await benchStep(task, flags);
  }
}

async function benchStep(task: Task, flags: Flags): Promise<void> {
  const { workload, batch, size, threads } = task;
  const steps = flags.steps ?? 5;
  const worker = ourWorker(task);
  await worker.ready();
  await worker.step(); // warms up
  const times = [];
  for (let i = 0; i < steps; i++) times.push(await worker.step());
  await worker.end();
  const { median, least, most } = spreadOf(times.map(({ ms }) => ms));
  const cpu = spreadOf(times.map(({ cpu_ms }) => cpu_ms)).median;
  const peak = Math.max(...times.map(({ peak_rss_mb }) => peak_rss_mb));
  const document = {
    name: workload,
    batch,
    size,
    threads,
    steps,
    ms_median: rounded(median),
    ms_min: rounded(least),
    ms_max: rounded(most),
    cpu_ms_median: rounded(cpu),
    img_per_s: rounded((batch / median) * 1e3),
    peak_rss_mb: rounded(peak, 1),
  };
  const text =
    `${workload.padEnd(16)} batch ${`${batch}`.padStart(2)}  ${median.toFixed(1).padStart(8)} ms [${least.toFixed(1)}, ${most.toFixed(1)}]` +
    `  ${((batch / median) * 1e3).toFixed(2).padStart(7)} images/s  peak RSS ${peak.toFixed(0)} MB`;
  print(flags, document, text);
}
