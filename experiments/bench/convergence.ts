/**
 * Does training with Winograd converge like training with direct convolutions? Same data, settings and seeds, several seeds each:
 * the curves and the final AUC of one algorithm have to lie within the other's seed-to-seed spread.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileWhole } from '../../src/base/files.js';
import { parseProtocol } from '../../src/config/protocol.js';
import { balancedStreams, epochSteps } from '../../src/data/sampler.js';
import { renderSvg } from '../../src/report/svg.js';
import { loadConfig } from '../../src/run/configuration.js';
import { evaluateRun } from '../../src/run/evaluateRun.js';
import { deviceOf, openExperiment } from '../../src/run/experiment.js';
import type { Progress } from '../../src/run/progress.js';
import { runFolder } from '../../src/run/runFolder.js';
import { train } from '../../src/run/train.js';
import { rounded, spreadOf } from './statistics.js';

const algorithms = ['direct', 'winograd'] as const;
type Algorithm = (typeof algorithms)[number];

export interface ConvergenceOptions {
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
  algorithm: Algorithm;
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
    for (const algorithm of algorithms) curves.push(await curveOf(algorithm, seed, options));
  }
  const svg = join(options.out, 'convergence.svg');
  await writeFileWhole(svg, await plot(curves));
  return [...table(curves), '', `Plot: ${svg}`].join('\n');
}

async function curveOf(algorithm: Algorithm, seed: number, options: ConvergenceOptions): Promise<Curve> {
  const protocol = parseProtocol(options.protocol);
  const folder = runFolder(options.out, protocol, `${algorithm}-seed${seed}`);
  const threads = options.threads === undefined ? [] : [`threads=${options.threads}`];
  const own = [...settings, ...threads, `seed=${seed}`, `train.conv_algorithm=${algorithm}`];
  const { train: frames, synthetic } = await openExperiment(protocol, await loadConfig(undefined, own), options.data);
  const perEpoch = epochSteps(balancedStreams(frames, { live: 2, spoof: 2 }));
  const epochs = Math.ceil(options.steps / perEpoch);
  const config = await loadConfig(undefined, [...own, `train.epochs=${epochs}`, `train.save_every=${epochs}`]);
  const experiment = await openExperiment(protocol, config, options.data);
  const device = deviceOf(config);
  const { progress, signal, out } = options;
  if (!existsSync(folder.evaluation)) {
    await train(experiment, device, { folder, out, resume: existsSync(folder.config), progress, signal });
    const evaluation = { checkpoint: 'last', convention: 'honest', level: 'video', mode: 'classifier' } as const;
    await evaluateRun(experiment, device, folder, { ...evaluation, reuse: false, progress });
  }
  const lines = (await readFile(folder.metrics, 'utf8')).trim().split('\n');
  const result = JSON.parse(await readFile(folder.evaluation, 'utf8')) as { levels: { video: { auc: number } } };
  const losses = lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
  return { algorithm, seed, losses, auc: result.levels.video.auc, synthetic };
}

/** Means of windows of `width` steps: what the eye can follow. */
function smoothed(losses: readonly number[], width: number): { step: number; loss: number }[] {
  return Array.from({ length: Math.floor(losses.length / width) }, (_, i) => {
    const window = losses.slice(i * width, (i + 1) * width);
    return { step: (i + 1) * width, loss: window.reduce((sum, loss) => sum + loss, 0) / width };
  });
}

const window = 20;

function table(curves: readonly Curve[]): string[] {
  const last = (losses: readonly number[]) => smoothed(losses, window).at(-1)!.loss;
  const rows = curves.map(({ algorithm, seed, losses, auc }) => {
    const middle = smoothed(losses.slice(0, Math.ceil(losses.length / 2)), window).at(-1)!.loss;
    return `| ${algorithm} | ${seed} | ${middle.toFixed(3)} | ${last(losses).toFixed(3)} | ${(100 * auc).toFixed(2)} |`;
  });
  const range = (algorithm: Algorithm, value: (curve: Curve) => number) =>
    spreadOf(curves.filter((curve) => curve.algorithm === algorithm).map(value));
  const overlap = (name: string, value: (curve: Curve) => number) => {
    const [direct, winograd] = [range('direct', value), range('winograd', value)];
    const inside = winograd.median >= direct.least && winograd.median <= direct.most;
    const text = ({ least, most, median }: typeof direct) =>
      `${rounded(median, 3)} [${rounded(least, 3)}, ${rounded(most, 3)}]`;
    return `${name}: direct ${text(direct)}, winograd ${text(winograd)}; winograd's median is ${inside ? 'inside' : 'OUTSIDE'} the spread of direct.`;
  };
  return [
    `${curves.some(({ synthetic }) => synthetic) ? 'SYNTHETIC data. ' : ''}${curves[0]!.losses.length} steps; losses are means of ${window} steps; AUC of the target at video level.`,
    '',
    '| algorithm | seed | loss half-way | loss at the end | AUC, % |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    overlap('Loss at the end, median [range]', ({ losses }) => last(losses)),
    overlap('AUC', ({ auc }) => auc),
  ];
}

async function plot(curves: readonly Curve[]): Promise<string> {
  const values = curves.flatMap(({ algorithm, seed, losses }) =>
    smoothed(losses, window).map((point) => ({ ...point, algorithm, seed: `${seed}` })),
  );
  const synthetic = curves.some((curve) => curve.synthetic) ? 'SYNTHETIC data: ' : '';
  const description = `Training loss by step, direct and Winograd, ${curves.length / 2} seeds each`;
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
            field: 'algorithm',
            type: 'nominal',
            title: null,
            scale: { domain: [...algorithms], range: ['var(--c1)', 'var(--c2)'] },
          },
          strokeDash: { field: 'seed', type: 'nominal', title: 'seed' },
        },
      },
    },
    'print',
  );
}
