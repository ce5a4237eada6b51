/**
 * The proof of a GPU: what it computes against the CPU, in each precision, and how long steps take, each check in a process of its own, so
 * that one that crashes or hangs is a finding and not the end. The checks themselves are src/native/check.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../base/errors.js';
import { packageFolder } from '../../base/packageFolder.js';
import { cudaHint, cudaState } from '../../engine/device.js';
import { addonPath, type Precision } from '../../engine/native.js';
import { version } from '../version.js';

export interface GpuFinding {
  name: string;
  ok: boolean;
  seconds: number;
  /** What came out, in words. */
  value: string;
  /** Of a failure: what it means, and the switch that avoids it. */
  hint?: string;
  /** What the check printed. */
  output: string;
}

/** One way of running one recorded step. */
export interface StepTime {
  step: string;
  precision: Precision;
  /** `plain`: kernel by kernel; `graph`; `fetched ahead`: a graph whose images were brought to the GPU before. */
  way: string;
  /** Of what it computed. */
  digest: string;
  milliseconds?: number;
}

export interface GpuReport {
  version: string;
  /** Build, driver and GPUs. */
  cuda: string;
  findings: GpuFinding[];
  steps: StepTime[];
  /** Of graphs, over all steps. */
  graphs: { updated: number; made: number; remade: number };
  /** Milliseconds of LDCNet's training step, tf32: expected by docs/cuda.md for the same card, and PyTorch's on this machine. */
  expected?: number;
  pytorch?: { version: string; milliseconds: number };
}

export interface GpuProof {
  addon: string;
  device: 'cuda' | 'cuda-emulated';
  /** Of fixtures; none are looked at without. */
  fixtures?: string;
  /** Files of recorded steps; those with features in bf16 end in -bf16.json, and are that precision's. */
  steps: string[];
  /** Flags of every check beside. */
  flags: string[];
  precisions: readonly Precision[];
  /** Whether steps are timed, and a step of PyTorch beside them. */
  time: boolean;
  /** Called before each check. */
  begin?: (name: string) => void;
}

/** All of it must be over by then; what is not begun until then is left out. */
const mostSeconds = 300;

/** What the first GPU is checked with. @throws UserError where it cannot be used */
export function gpuProof(begin: (name: string) => void): GpuProof {
  const { unusable, summary } = cudaState();
  if (unusable !== '') throw new UserError(`the device cuda cannot be used: ${unusable}`, cudaHint());
  const [fixtures, steps] = ['test/fixtures', 'experiments/bench/steps'].map((path) => join(packageFolder, path));
  return {
    addon: addonPath(),
    device: 'cuda',
    fixtures: existsSync(fixtures!) ? fixtures : undefined,
    steps: existsSync(steps!) ? readdirSync(steps!).map((name) => join(steps!, name)) : [],
    flags: [],
    // Before 8.0 there are no tensor cores for the others.
    precisions: /compute capability 7\./.test(summary) ? ['fp32'] : ['fp32', 'tf32', 'bf16'],
    time: true,
    begin,
  };
}

/** Runs every check. Never throws for what a check finds. */
export async function proveGpu(proof: GpuProof): Promise<GpuReport> {
  const { addon, device, fixtures, flags, precisions, steps, time, begin } = proof;
  const until = Date.now() + mostSeconds * 1000;
  const cuda = device === 'cuda' ? cudaState().summary : device;
  const report: GpuReport = { version, cuda, findings: [], steps: [], graphs: { updated: 0, made: 0, remade: 0 } };
  const check = async (name: string, words: string[], env: Record<string, string>, judge: (run: Run) => Judgement) => {
    const left = until - Date.now();
    if (left < 1000) {
      const value = `left out: ${mostSeconds} seconds are over`;
      report.findings.push({ name, ok: false, seconds: 0, value, output: '' });
      return undefined;
    }
    begin?.(name);
    const run = await checkIn(addon, [...words, ...flags, '--device', device], env, left);
    report.findings.push({ name, seconds: run.seconds, output: run.output, ...judge(run) });
    return run;
  };

  const hopper = /compute capability 9\.0/.test(cuda);
  const values = (precision: Precision, name: string, env: Record<string, string>) =>
    check(name, [...(fixtures ? [fixtures] : []), '--layers', '--precision', precision], env, (run) => ({
      ok: run.status === 0,
      value: run.status === 0 ? counted(run.output) : failureOf(run),
      hint: run.status === 0 ? undefined : valueHint(precision, hopper && env.LDC_CUDA_WGMMA !== '0'),
    }));
  for (const precision of precisions) await values(precision, `values ${precision}`, {});
  if (hopper) await values('tf32', 'values tf32, LDC_CUDA_WGMMA=0', { LDC_CUDA_WGMMA: '0' });

  // The same steps again with kernels loaded the other way: the same bits must come out of another process too.
  let before: StepTime[] = [];
  for (const [precision, loading] of loadings(precisions)) {
    const timed = time ? ['--time'] : [];
    const own = steps.filter((path) => path.endsWith('-bf16.json') === (precision === 'bf16'));
    if (own.length === 0) continue;
    const words = [...own, ...timed, '--precision', precision];
    let found: StepTime[] = [];
    await check(`steps ${precision}, modules ${loading}`, words, { CUDA_MODULE_LOADING: loading }, (run) => {
      found = stepsOf(run.output, precision);
      for (const [key, count] of Object.entries(graphsOf(run.output))) report.graphs[key as 'made'] += count;
      return judgeSteps(run, found, before);
    });
    before = [...before, ...found];
  }
  report.steps = before;
  if (!time) return report;
  report.expected = expectedFor(cuda);
  begin?.('PyTorch');
  report.pytorch = await pytorch(until - Date.now());
  return report;
}

/** First loaded when they are wanted (CUDA's own way), then all at once, in the precision that is chosen unless told. */
function loadings(precisions: readonly Precision[]): [Precision, 'LAZY' | 'EAGER'][] {
  const lazy = precisions.map((precision): [Precision, 'LAZY'] => [precision, 'LAZY']);
  return [...lazy, [precisions.includes('tf32') ? 'tf32' : precisions[0]!, 'EAGER']];
}

interface Run {
  /** Exit status; null: it was ended. */
  status: number | null;
  output: string;
  seconds: number;
}
type Judgement = Pick<GpuFinding, 'ok' | 'value' | 'hint'>;

/** ldc_check of an addon, in a process of its own. */
function checkIn(addon: string, words: string[], env: Record<string, string>, timeout: number): Promise<Run> {
  const code = 'process.exitCode = require(process.argv[1]).check(process.argv.slice(2))';
  return output(process.execPath, ['-e', code, '--', addon, ...words], { env, timeout });
}

function output(
  program: string,
  words: string[],
  { env = {}, timeout, input }: { env?: Record<string, string>; timeout: number; input?: string },
): Promise<Run> {
  const start = performance.now();
  return new Promise((settle) => {
    const child = spawn(program, words, { env: { ...process.env, ...env }, timeout, killSignal: 'SIGKILL' });
    let text = '';
    const hear = (part: Buffer) => {
      text += part.toString();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    const end = (status: number | null) =>
      settle({ status, output: text, seconds: (performance.now() - start) / 1000 });
    child.on('error', () => end(null));
    child.on('close', end);
    child.stdin.on('error', () => {}); // it ended before it read
    child.stdin.end(input);
  });
}

/** Tensors and layers that were compared. */
function counted(text: string): string {
  const tensors = /(\d+) cases, (\d+) tensors/.exec(text);
  const layers = text.match(/^layer /gm)?.length ?? 0;
  const operators = tensors ? `${tensors[1]} operator cases and ` : '';
  return `${operators}${layers} layers inside their limits, twice the same bits`;
}

/** The first line that says what went wrong. */
function failureOf({ status, output: text }: Run): string {
  const lines = text.trim().split('\n');
  const line = lines.find((each) => each.includes('FAIL')) ?? lines.find((each) => each.startsWith('ldc_check:'));
  const end = status === null ? 'ended before it was done' : `ended with status ${status}`;
  return line?.replace(/\s+/g, ' ').trim() ?? `${end}: ${lines.at(-1) || 'no word'}`;
}

function valueHint(precision: Precision, wgmma: boolean): string {
  if (precision === 'fp32') return 'kernels compute wrong values here, do not train on it: --device cpu';
  if (wgmma && precision === 'tf32')
    return 'tensor cores are fed wrongly: LDC_CUDA_WGMMA=0 where its check passes, else --precision fp32';
  return `tensor cores are fed wrongly in ${precision}: --precision fp32 where its check passes`;
}

/** Each step in each of its ways, from what the check printed. */
export function stepsOf(text: string, precision: Precision): StepTime[] {
  const pattern = /^(\S+), (plain|graph|fetched ahead) .*digest (\w{8})(?:; ([\d.]+) ms)?/gm;
  return [...text.matchAll(pattern)].map(([, step, way, digest, ms]) => ({
    ...{ step: step!, precision, way: way!, digest: digest! },
    ...(ms === undefined ? {} : { milliseconds: Number(ms) }),
  }));
}

function graphsOf(text: string): GpuReport['graphs'] {
  const sum = { updated: 0, made: 0, remade: 0 };
  for (const [, updated, made, remade] of text.matchAll(
    /graphs: (\d+) brought up to date, (\d+) made, (\d+) made anew/g,
  )) {
    sum.updated += Number(updated);
    sum.made += Number(made);
    sum.remade += Number(remade);
  }
  return sum;
}

/** The same bits however a step is launched, and in every process. */
export function judgeSteps(run: Run, found: readonly StepTime[], before: readonly StepTime[]): Judgement {
  const differs = (way: string) =>
    found.find((each) => each.way === way && each.digest !== found.find((one) => sameStep(one, each))!.digest);
  if (differs('graph') !== undefined) {
    return bad(`${differs('graph')!.step}: other bits as a graph than kernel by kernel`, 'LDC_CUDA_GRAPH=0');
  }
  if (differs('fetched ahead') !== undefined) {
    const what = `${differs('fetched ahead')!.step}: other bits with images that were fetched ahead`;
    return bad(what, 'no switch avoids that: --device cpu');
  }
  const other = found.find((each) => before.some((one) => sameStep(one, each) && one.digest !== each.digest));
  if (other !== undefined) {
    return bad(
      `${other.step}: other bits in another process`,
      'CUDA_MODULE_LOADING=EAGER, if the table shows no more of it',
    );
  }
  if (run.status !== 0) return bad(failureOf(run), 'LDC_CUDA_GRAPH=0 and CUDA_MODULE_LOADING=EAGER, one by one');
  const train = found.filter(({ step, milliseconds }) => step === 'ldcnet-train' && milliseconds !== undefined);
  const times = train.map(({ way, milliseconds }) => `${way} ${milliseconds!.toFixed(2)} ms`);
  const steps = new Set(found.map(({ step }) => step)).size;
  return { ok: true, value: [`${steps} steps, the same bits in every way`, ...times].join(', ') };
}

const sameStep = (a: StepTime, b: StepTime) => a.step === b.step && a.precision === b.precision;
const bad = (value: string, avoid: string): Judgement => ({ ok: false, value, hint: `to avoid it: ${avoid}` });

/** What docs/cuda.md expects of a training step of LDCNet in tf32 on this card. */
function expectedFor(cuda: string): number | undefined {
  const path = join(packageFolder, 'experiments/bench/cudaExpected.json');
  if (!existsSync(path)) return undefined;
  const cards = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>;
  return Object.entries(cards).find(([name]) => cuda.includes(name))?.[1];
}

/** The same step by PyTorch, channels_last and tf32, where python3 has it with CUDA. */
async function pytorch(left: number): Promise<GpuReport['pytorch']> {
  const worker = join(packageFolder, 'experiments/bench/torch_worker.py');
  if (left < 1000 || !existsSync(worker)) return undefined;
  const words = [worker, 'ldcnet-train', '30', '256', '1', 'channels_last', 'tf32', 'cuda'];
  const { output: text } = await output('python3', words, { timeout: left, input: '10\n30\n' });
  const [name, , timed] = text.trim().split('\n');
  try {
    return { version: JSON.parse(name!) as string, milliseconds: (JSON.parse(timed!) as { ms: number }).ms };
  } catch {
    return undefined;
  }
}
