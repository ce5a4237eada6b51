/**
 * Does training with Winograd converge like training with direct convolutions, and bf16 like fp32? Same data, settings and seeds, and
 * one stage 1 a seed, made by the old one: the curves and the final AUC of the new one have to lie within the seed-to-seed spread of
 * the old one, and for each seed the loss of the new one within a twentieth of the old one's.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileWhole } from '../../src/base/files.js';
import { parseProtocol } from '../../src/config/protocol.js';
import { balancedStreams, epochSteps } from '../../src/data/sampler.js';
import { renderSvg } from '../../src/report/svg.js';
import { loadConfig } from '../../src/run/configuration.js';
import { evaluateRun } from '../../src/run/evaluation/evaluateRun.js';
import { deviceOf, openExperiment } from '../../src/run/experiment.js';
import type { Progress } from '../../src/run/progress.js';
import { runFolder } from '../../src/run/runFolder.js';
import { train } from '../../src/run/training/train.js';
import { rounded, spreadOf } from './statistics.js';

/** What is compared: the key of the configuration, its old value and its new one. */
export const contests = {
  algorithm: { key: 'train.conv_algorithm', values: ['direct', 'winograd'] },
  precision: { key: 'precision', values: ['fp32', 'bf16'] },
} as const;
export type Contest = keyof typeof contests;

export interface ConvergenceOptions {
  of: Contest;
  data: string;
  out: string;
  protocol: string;
  steps: number;
  seeds: number;
  threads: number | undefined;
  progress: Progress;
  signal: AbortSignal;
}

interface Curve {
  value: string;
  seed: number;
  /** Of every step. */
  losses: number[];
  /** Target, video level. */
  auc: number;
  synthetic: boolean;
}

/** Small enough for a laptop: the widths of the network are the paper's, the images are not. */
const settings = [
  'data.image_size=64',
  'model.map_size=8',
  'activation.epochs=2',
  'activation.batch_size=24',
  'activation.lr=5e-4',
  'train.lr=2e-4',
  'train.per_domain={live: 2, spoof: 2}',
  'train.keep=1',
];

/** Trains what is missing (a run that was interrupted goes on), writes the plot, and returns Markdown. */
export async function convergence(options: ConvergenceOptions): Promise<string> {
  const curves: Curve[] = [];
  for (let seed = 0; seed < options.seeds; seed++) {
    for (const value of contests[options.of].values) curves.push(await curveOf(value, seed, options));
  }
  const svg = join(options.out, 'convergence.svg');
  await writeFileWhole(svg, await plot(curves, options.of));
  return [...table(curves, options.of), '', `Plot: ${svg}`].join('\n');
}

/** Runs of one seed are in one folder, so that they share stage 1: its weights and maps would differ by more than what is compared. */
async function curveOf(value: string, seed: number, options: ConvergenceOptions): Promise<Curve> {
  const { out } = options;
  const protocol = parseProtocol(options.protocol);
  const folder = runFolder(out, protocol, `${value}-seed${seed}`);
  const threads = options.threads === undefined ? [] : [`threads=${options.threads}`];
  const own = [...settings, ...threads, `seed=${seed}`, `${contests[options.of].key}=${value}`];
  const { train: frames, synthetic } = await openExperiment(protocol, await loadConfig(undefined, own), options.data);
  const perEpoch = epochSteps(balancedStreams(frames, { live: 2, spoof: 2 }));
  const epochs = Math.ceil(options.steps / perEpoch);
  const config = await loadConfig(undefined, [...own, `train.epochs=${epochs}`, `train.save_every=${epochs}`]);
  const experiment = await openExperiment(protocol, config, options.data);
  const device = deviceOf(config);
  const { progress, signal } = options;
  if (!existsSync(folder.evaluation)) {
    await train(experiment, device, { folder, out, resume: existsSync(folder.config), progress, signal });
    const evaluation = { checkpoint: 'last', convention: 'honest', level: 'video', mode: 'classifier' } as const;
    await evaluateRun(experiment, device, folder, { ...evaluation, reuse: false, progress });
  }
  const lines = (await readFile(folder.metrics, 'utf8')).trim().split('\n');
  const result = JSON.parse(await readFile(folder.evaluation, 'utf8')) as { levels: { video: { auc: number } } };
  const losses = lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
  return { value, seed, losses, auc: result.levels.video.auc, synthetic };
}

/** Means of windows of `width` steps: what the eye can follow. */
function smoothed(losses: readonly number[], width: number): { step: number; loss: number }[] {
  return Array.from({ length: Math.floor(losses.length / width) }, (_, i) => {
    const window = losses.slice(i * width, (i + 1) * width);
    return { step: (i + 1) * width, loss: window.reduce((sum, loss) => sum + loss, 0) / width };
  });
}

const window = 20;

/** How far the losses of one seed may be apart, as a share of the old one's. */
const apart = 0.05;

function table(curves: readonly Curve[], of: Contest): string[] {
  const [before, after] = contests[of].values;
  const last = ({ losses }: Curve) => smoothed(losses, window).at(-1)!.loss;
  const middle = ({ losses }: Curve) => smoothed(losses.slice(0, Math.ceil(losses.length / 2)), window).at(-1)!.loss;
  const rows = curves.map((curve) => {
    const { value, seed, auc } = curve;
    return `| ${value} | ${seed} | ${middle(curve).toFixed(3)} | ${last(curve).toFixed(3)} | ${(100 * auc).toFixed(2)} |`;
  });
  const those = (value: string) => curves.filter((curve) => curve.value === value);
  const overlap = (name: string, figure: (curve: Curve) => number) => {
    const [old, now] = [spreadOf(those(before).map(figure)), spreadOf(those(after).map(figure))];
    const inside = now.median >= old.least && now.median <= old.most;
    const text = ({ least, most, median }: typeof old) =>
      `${rounded(median, 3)} [${rounded(least, 3)}, ${rounded(most, 3)}]`;
    return `${name}: ${before} ${text(old)}, ${after} ${text(now)}; the median of ${after} is ${inside ? 'inside' : 'OUTSIDE'} the spread of ${before}.`;
  };
  const ratios = (name: string, figure: (curve: Curve) => number) => {
    const shares = those(after).map((now, i) => figure(now) / figure(those(before)[i]!));
    const near = shares.every((share) => Math.abs(share - 1) <= apart);
    return `${name}, ${after} / ${before} by seed: ${shares.map((share) => share.toFixed(4)).join(', ')}; ${near ? 'all' : 'NOT all'} within ${100 * apart} %.`;
  };
  return [
    `${curves.some(({ synthetic }) => synthetic) ? 'SYNTHETIC data. ' : ''}${curves[0]!.losses.length} steps; losses are means of ${window} steps; AUC of the target at video level.`,
    '',
    `| ${of} | seed | loss half-way | loss at the end | AUC, % |`,
    '|---|---|---|---|---|',
    ...rows,
    '',
    overlap('Loss at the end, median [range]', last),
    overlap('AUC', ({ auc }) => auc),
    ratios('Loss half-way', middle),
    ratios('Loss at the end', last),
  ];
}

async function plot(curves: readonly Curve[], of: Contest): Promise<string> {
  const values = curves.flatMap(({ value, seed, losses }) =>
    smoothed(losses, window).map((point) => ({ ...point, [of]: value, seed: `${seed}` })),
  );
  const synthetic = curves.some((curve) => curve.synthetic) ? 'SYNTHETIC data: ' : '';
  const description = `Training loss by step, ${contests[of].values.join(' and ')}, ${curves.length / 2} seeds each`;
  return renderSvg(
    {
      id: 'convergence',
      title: 'Convergence',
      description,
      spec: {
        title: `${synthetic}loss, mean of ${window} steps`,
        width: 460,
        height: 260,
        data: { values },
        mark: 'line',
        encoding: {
          x: { field: 'step', type: 'quantitative', title: 'step' },
          y: { field: 'loss', type: 'quantitative', title: 'loss', scale: { type: 'log' } },
          color: {
            field: of,
            type: 'nominal',
            title: null,
            scale: { domain: [...contests[of].values], range: ['var(--c1)', 'var(--c2)'] },
          },
          strokeDash: { field: 'seed', type: 'nominal', title: 'seed' },
        },
      },
    },
    'print',
  );
}
