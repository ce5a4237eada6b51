/** The commands that are killed, what each begins from, and which files must come out the same. */
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const ldc = join(root, 'bin', 'ldc.js');
const loop = fileURLToPath(new URL('./loop.js', import.meta.url));

export interface Workload {
  name: string;
  /** Share of the points. */
  weight: number;
  /** Makes what all scenarios read, once. */
  shared?(shared: string, run: (args: readonly string[], cwd: string) => Promise<void>): Promise<void>;
  /** Makes what a scenario begins from. */
  begin?(folder: string, shared: string): Promise<void>;
  /** The program with its arguments; `again`: after a kill. */
  args(folder: string, shared: string, again: boolean): string[];
  /** Folder whose files are compared. */
  result: string;
  /** Files that hold times and the like. */
  ignore?: RegExp;
  /** Files that may be damaged after a kill, as something of the disk's own. */
  fragile?: RegExp;
  /** What the program says and ends with when all was done before the kill already. */
  finished?: RegExp;
  /** It has processes of its own, which are killed too and whose death it survives, failing. */
  children?: true;
}

const small = [
  ...['--set', 'data.image_size=32', '--set', 'model.map_size=8', '--set', 'activation.epochs=1', '--threads', '1'],
  ...['--set', 'activation.batch_size=9', '--set', 'train.per_domain={live: 1, spoof: 1}'],
];
/** The same, for runs of a study. */
const study = `
settings:
  threads: 1
  data: {image_size: 32}
  model: {map_size: 8}
  activation: {epochs: 1, batch_size: 9}
  train: {epochs: 1, per_domain: {live: 1, spoof: 1}}
protocols: [O&C&I-to-M]
seeds: [0]
variants:
  ldc: {}
`;
const checkpoint = join(root, 'test', 'fixtures', 'files', 'module_state.tar');
const protocol = ['--protocol', 'O&C&I-to-M'];
const runs = 'O&C&I-to-M';

/** `shared/data` and `shared/runs`: three subjects a domain, one epoch. */
async function trained(shared: string, run: (args: readonly string[], cwd: string) => Promise<void>): Promise<void> {
  if ((await readdir(shared)).includes('runs')) return;
  await run([ldc, 'synth', '--out', 'data', '--subjects', '3', '--frames', '1', '--size', '32', '--quiet'], shared);
  await run([ldc, 'train', ...protocol, ...small, '--epochs', '1', '--name', 'run', '--quiet'], shared);
}

/** A finished run whose checkpoints are the shared ones. */
async function linkRun(folder: string, shared: string): Promise<void> {
  const run = join(folder, 'runs', runs, 'run');
  await mkdir(run, { recursive: true });
  for (const file of ['config.yaml', 'run.json']) await cp(join(shared, 'runs', runs, 'run', file), join(run, file));
  await symlink(join(shared, 'runs', runs, 'run', 'checkpoints'), join(run, 'checkpoints'));
}

const stage1Of = async (folder: string) => (await readdir(folder)).find((name) => name.startsWith('stage1-'))!;

export const workloads: Workload[] = [
  {
    name: 'training loop',
    weight: 40,
    args: (folder, shared) => [loop, join(folder, 'run'), join(shared, 'images')],
    result: 'run',
    fragile: /safetensors$/,
  },
  {
    name: 'prepare',
    weight: 25,
    async shared(shared) {
      const labels: Record<string, number[]> = {};
      for (let i = 0; i < 6; i++) {
        const kind = i % 2 === 0 ? 'live' : 'spoof';
        const folder = join(shared, 'release', 'Data', 'train', String(i), kind);
        await mkdir(folder, { recursive: true });
        const pixels = Uint8Array.from({ length: 64 * 64 * 3 }, (_, k) => (k * (5 + i)) % 256);
        const image = sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } });
        await image.png().toFile(join(folder, '000001.png'));
        await writeFile(join(folder, '000001_BB.txt'), '56 56 112 112 0.99');
        labels[`Data/train/${i}/${kind}/000001.png`] = Array.from({ length: 44 }, (_, k) => (k === 40 ? i % 2 : 0));
      }
      await mkdir(join(shared, 'release', 'metas', 'intra_test'), { recursive: true });
      await writeFile(join(shared, 'release', 'metas', 'intra_test', 'train_label.json'), JSON.stringify(labels));
    },
    args: (folder, shared) => [
      ...[ldc, 'prepare', 'celeba-spoof', '--root', join(shared, 'release'), '--out', join(folder, 'data')],
      ...['--size', '32', '--detector', 'none', '--jobs', '1', '--quiet'],
    ],
    result: 'data',
    fragile: /\.jpg$/,
  },
  {
    name: 'synth',
    weight: 15,
    args: (folder) => [
      ...[ldc, 'synth', '--out', join(folder, 'data'), '--subjects', '1', '--frames', '1', '--size', '32', '--quiet'],
    ],
    result: '.',
  },
  {
    name: 'eval',
    weight: 12,
    shared: trained,
    begin: linkRun,
    args: (folder, shared) => [
      ...[ldc, 'eval', '--run', join(folder, 'runs', runs, 'run'), '--data', join(shared, 'data'), '--quiet'],
    ],
    result: `runs/${runs}/run`,
    ignore: /\.tmp$|^checkpoints/,
    fragile: /scores\/.*\.csv$/,
  },
  {
    name: 'export',
    weight: 10,
    shared: trained,
    begin: linkRun,
    args: (folder, shared) => [
      ...[ldc, 'export', '--run', join(folder, 'runs', runs, 'run'), '--data', join(shared, 'data'), '--quiet'],
    ],
    result: `runs/${runs}/run`,
    ignore: /\.tmp$|^checkpoints/,
    fragile: /model\.(onnx|json)$/,
  },
  {
    name: 'predict',
    weight: 6,
    shared: trained,
    args: (folder, shared) => [
      ...[ldc, 'predict', join(shared, 'data', 'synthetic-M'), '--run', join(shared, 'runs', runs, 'run'), '--quiet'],
      ...['--csv', join(folder, 'out', 'scores.csv'), '--overlay', join(folder, 'out', 'maps')],
    ],
    result: 'out',
    ignore: /\.tmp$/,
    fragile: /\.(csv|png)$/,
  },
  {
    name: 'convert',
    weight: 6,
    args: (folder) => [ldc, 'convert', checkpoint, join(folder, 'out', 'weights.safetensors'), '--quiet'],
    result: 'out',
    ignore: /\.tmp$/,
    fragile: /safetensors$/,
  },
  {
    name: 'import',
    weight: 10,
    async shared(shared) {
      const side = 32;
      await mkdir(join(shared, 'arrays'));
      for (const [k, kind] of ['images_live', 'print_images'].entries()) {
        const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (4, ${side}, ${side}, 3), }`.padEnd(117);
        const magic = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]);
        const pixels = Uint8Array.from({ length: 4 * side * side * 3 }, (_, i) => (i * (3 + k)) % 251);
        const content = Buffer.concat([magic, Buffer.from(`${header}\n`), pixels]);
        await writeFile(join(shared, 'arrays', `msu_${kind}.npy`), content);
      }
    },
    args: (folder, shared) => [
      ...[ldc, 'import', 'npy', '--root', join(shared, 'arrays'), '--out', join(folder, 'data'), '--quiet'],
    ],
    result: 'data',
    ignore: /\.lock$/,
    finished: /already holds a crop set/,
  },
  {
    name: 'study',
    weight: 4,
    shared: trained,
    begin: (folder) => writeFile(join(folder, 'tiny.yaml'), study),
    args: (folder, shared) => [
      ...[ldc, 'study', 'run', join(folder, 'tiny.yaml'), '--data', join(shared, 'data')],
      ...['--out', join(folder, 'runs'), '--quiet'],
    ],
    result: 'runs',
    ignore: /\.tmp$|run\.json$|metrics\.jsonl$|tfevents|^study-tiny\/(logs|tasks)\//,
    children: true,
  },
  {
    name: 'cam',
    weight: 4,
    shared: trained,
    args: (folder, shared) => [
      ...[ldc, 'cam', ...protocol, ...small, '--data', join(shared, 'data'), '--out', join(folder, 'runs')],
      ...['--set', 'train.checkpoint_every=1', '--quiet'],
    ],
    result: 'runs',
    fragile: /(maps|activation)\.safetensors$/,
  },
  {
    name: 'train',
    weight: 4,
    shared: trained,
    async begin(folder, shared) {
      const stage1 = await stage1Of(join(shared, 'runs', runs));
      await mkdir(join(folder, 'runs', runs), { recursive: true });
      await symlink(join(shared, 'runs', runs, stage1), join(folder, 'runs', runs, stage1));
    },
    args: (folder, shared) => [
      ...[ldc, 'train', ...protocol, ...small, '--epochs', '1', '--name', 'run', '--resume', '--checkpoint-every', '1'],
      ...['--data', join(shared, 'data'), '--out', join(folder, 'runs'), '--quiet'],
    ],
    result: `runs/${runs}/run`,
    ignore: /^(run\.json|metrics\.jsonl|events\.out\.tfevents.*)$/,
    fragile: /checkpoints\/.*safetensors$/,
  },
];
