/**
 * Everything that reads what strangers wrote, with files to begin from. A reader returns or throws an error that is meant for the
 * user; anything else (a TypeError, a RangeError, a message without a sentence) is a fault.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { UserError, WorkError } from '../../src/base/errors.js';
import { parseProtocol } from '../../src/config/protocol.js';
import { readCropSet } from '../../src/data/cropSet.js';
import { importList } from '../../src/data/import/list.js';
import { readImage } from '../../src/data/loader.js';
import { parseClip, VideoError } from '../../src/data/prepare/ffmpeg.js';
import { openPhoto } from '../../src/data/prepare/film.js';
import { openJournal } from '../../src/data/prepare/journal.js';
import { parseBox, parseBoxes, parseCorners, parseEyes } from '../../src/data/sources/annotations.js';
import { celebaSpoof } from '../../src/data/sources/celebaSpoof.js';
import { readOuluProtocols } from '../../src/data/sources/ouluProtocols.js';
import { readScores } from '../../src/evaluate/scoreFile.js';
import { openNpy, readNpy } from '../../src/formats/npy.js';
import { decodeOnnx, encodeOnnx } from '../../src/formats/onnx.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.js';
import { checkSeal, writeSealed } from '../../src/formats/sealed.js';
import { readState } from '../../src/formats/stateFile.js';
import { loadConfig } from '../../src/run/configuration.js';
import { openRun } from '../../src/run/runFolder.js';
import { checkpoint, type EntrySketch, pickle, tensor, zip } from '../formats/build.js';

export interface Target {
  name: string;
  /** Name of the mutant below the work folder. */
  file: string;
  seeds: Buffer[];
  read(path: string): Promise<unknown>;
}

const root = ['../../', '../../../']
  .map((up) => fileURLToPath(new URL(up, import.meta.url)))
  .find((folder) => readdirSync(folder).includes('package.json'))!;
const fixtures = join(root, 'test', 'fixtures', 'files');

export function isMeant(error: unknown): boolean {
  const named = [UserError, WorkError, VideoError].some((kind) => error instanceof kind);
  return named && !/\n/.test((error as Error).message);
}

async function readTensors(path: string): Promise<void> {
  const file = await readState(path);
  for (const name of file.names) await file.tensor(name);
}

function fixtureFiles(ending: RegExp): Buffer[] {
  const names = readdirSync(fixtures).filter((name) => ending.test(name));
  return names.map((name) => readFileSync(join(fixtures, name))).filter(({ length }) => length > 0);
}

const text = (...lines: string[]) => Buffer.from(`${lines.join('\n')}\n`);

/** The targets; `folder` is where they work. */
export async function targets(folder: string): Promise<Target[]> {
  mkdirSync(folder, { recursive: true });
  const state = new Map([['w', tensor({ count: 4, shape: [4], stride: [1] })]]);
  const entries = (how: Partial<EntrySketch>) => [
    { name: 'x/data.pkl', data: pickle(state), ...how },
    { name: 'x/data/0', data: new Uint8Array(16), ...how },
  ];
  const small = join(folder, 'small.safetensors');
  const x = { name: 'x', dtype: 'F16', shape: [2, 3], data: new Uint16Array(6) } as const;
  const y = { name: 'y', dtype: 'I64', shape: [], data: new BigInt64Array(1) } as const;
  await writeSafetensors(small, [x, y], { format: 'pt' });
  const plain = readFileSync(small);
  await writeSealed(small, [x, y], { epoch: '1' });
  const sealed = readFileSync(small);
  const image = sharp({ create: { width: 24, height: 16, channels: 3, background: '#a55' } });
  const images = [
    await image.clone().jpeg().toBuffer(),
    await image.clone().png().toBuffer(),
    await image.clone().webp().toBuffer(),
  ];
  const exif = await image.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const manifest = text(
    'path,domain,split,subject,video,frame,label,attack_type,pai',
    'crops/a.jpg,O,train,1,a,0,live,live,',
    '"crops/b ""x"".jpg",O,dev,2,b,3,spoof,print,"a,4"',
    'crops/c.jpg,O,test,3,c,12,spoof,mask,',
  );
  const description = Buffer.from(
    JSON.stringify({
      name: 'x',
      letter: 'O',
      synthetic: true,
      recipe: { a: 1 },
      subsets: { default: { splits: ['train'] } },
      audit: { missing: ['q'] },
    }),
  );
  const probed = Buffer.from(
    JSON.stringify({
      packets: [
        { pts_time: '0.000000', flags: 'K__' },
        { pts_time: '0.040000', flags: '___' },
      ],
      streams: [
        { width: 640, height: 480, nb_frames: '2', tags: { rotate: '90' }, side_data_list: [{ rotation: -90 }] },
      ],
      format: { format_name: 'mov,mp4', start_time: '0.000000' },
    }),
  );
  const set = join(folder, 'set');
  const described = join(folder, 'described');
  const run = join(folder, 'run');
  const prepared = join(folder, 'prepared');
  for (const each of [set, described, run, prepared]) mkdirSync(each, { recursive: true });
  writeFileSync(join(described, 'manifest.csv'), manifest);
  writeFileSync(join(run, 'config.yaml'), readFileSync(join(root, 'configs', 'ldcnet.yaml')));
  const recipe = { size: 32 };
  return [
    {
      name: 'npy',
      file: 'm.npy',
      seeds: fixtureFiles(/\.npy$/),
      async read(path) {
        await readNpy(path);
        const file = await openNpy(path);
        if ((file.shape[0] ?? 0) > 0) await file.readRows(0, 1);
      },
    },
    {
      name: 'PyTorch files, zip and legacy',
      file: 'm.pth',
      seeds: [
        ...fixtureFiles(/\.(pth|tar)$/),
        checkpoint(state, new Uint8Array(16)),
        zip(entries({ zip64: true })),
        zip(entries({ deflate: true })),
      ],
      read: readTensors,
    },
    {
      name: 'safetensors',
      file: 'm.safetensors',
      seeds: [plain, sealed],
      async read(path) {
        await readTensors(path);
        await checkSeal(await readSafetensors(path));
      },
    },
    {
      name: 'onnx',
      file: 'm.onnx',
      seeds: [Buffer.from(encodeOnnx(model()))],
      read: async (path) => decodeOnnx(readFileSync(path), path),
    },
    { name: 'manifest.csv', file: 'set/manifest.csv', seeds: [manifest], read: (path) => readCropSet(dirname(path)) },
    {
      name: 'dataset.json',
      file: 'described/dataset.json',
      seeds: [description],
      read: (path) => readCropSet(dirname(path)),
    },
    {
      name: 'score files',
      file: 'm.csv',
      seeds: [
        text(
          'path,domain,subject,video,frame,label,attack_type,score,live_map_mean,spoof_map_mean,light',
          'a.jpg,M,1,v,0,live,live,0.5,0.1,0.2,x',
          '\'=b.jpg,M,2,w,1,spoof,print,-1e-3,0,1,"y,z"',
        ),
        text('1 1 clip/a 0.5', '# note', '1 print clip/b -2.5e3'),
      ],
      read: readScores,
    },
    {
      name: 'configuration YAML',
      file: 'm.yaml',
      seeds: [
        readFileSync(join(root, 'configs', 'ldcnet.yaml')),
        readFileSync(join(root, 'configs', 'quick.yaml')),
        text('a: &a [1, 2]', 'b: *a', 'train: {epochs: 3, <<: {lr: 1}}'),
      ],
      read: (path) => loadConfig(path, []),
    },
    {
      name: 'run.json',
      file: 'run/run.json',
      seeds: [
        Buffer.from(
          JSON.stringify({
            protocol: 'O&C&I-to-M',
            seed: 1,
            synthetic: true,
            data: {},
            stage1: '../x',
            seconds: 1,
            epochs: 1,
            finished: true,
          }),
        ),
      ],
      read: (path) => openRun(dirname(path)),
    },
    {
      name: 'protocol expressions',
      file: 'm.txt',
      seeds: [text('O&C&I-to-M'), text('OCI-to-M:print+replay'), text('C-to-I')],
      read: async (path) => parseProtocol(readFileSync(path, 'utf8').replace(/\s+/g, ' ').trim()),
    },
    {
      name: 'JPEG, PNG, WebP',
      file: 'm.img',
      seeds: [...images, exif],
      read: async (path) => ((await readImage(path, 8)).length === 192 ? undefined : Promise.reject(new Error('size'))),
    },
    { name: 'photographs of a release', file: 'p.img', seeds: [...images, exif], read: (path) => openPhoto(path) },
    {
      name: 'face boxes and eyes',
      file: 'm.face',
      seeds: [
        text('0 10 20 30 40', '1 11 21 31 41'),
        text('0,100,120,180,121', '1,101,120,181,121'),
        text('1, 5, 6, 50, 60, 10, 12, 40, 13'),
        text('56 56 112 112 0.99'),
      ],
      async read(path) {
        const content = readFileSync(path, 'utf8');
        for (const parse of [parseBox, parseBoxes, parseCorners, parseEyes]) parse(content);
      },
    },
    {
      name: 'OULU-NPU protocol files',
      file: 'o.txt',
      seeds: [text('+1,1_1_01_1', '-1,1_1_01_2', '-2,6_3_55_5')],
      read: (path) => readOuluProtocols(['Protocols/Protocol_1/Train.txt'], async () => readFileSync(path, 'utf8')),
    },
    {
      name: 'CelebA-Spoof labels',
      file: 'c.json',
      seeds: [Buffer.from(JSON.stringify({ 'Data/train/1/live/000001.jpg': Array(44).fill(0) }))],
      read: (path) =>
        celebaSpoof.describe!(['metas/intra_test/train_label.json'], async () => readFileSync(path, 'utf8')),
    },
    {
      name: "ffprobe's answer",
      file: 'f.json',
      seeds: [probed],
      read: async (path) => parseClip(readFileSync(path, 'utf8')),
    },
    {
      name: 'image lists, JSON',
      file: 'l.json',
      seeds: [
        Buffer.from(JSON.stringify([{ photo_path: 'a/real/1.png', photo_label: 1, photo_belong_to_video_ID: 3 }])),
      ],
      read: (path) =>
        importList({ files: [path], root: folder, out: join(folder, 'out'), source: null, name: 'x', letter: 'X' }),
    },
    {
      name: 'image lists, text',
      file: 'l.txt',
      seeds: [text('a/real/1.png 1', '../../etc/2.jpg,0', '/abs/fake/3.bmp')],
      read: (path) =>
        importList({ files: [path], root: folder, out: join(folder, 'out'), source: null, name: 'x', letter: 'X' }),
    },
    {
      name: "prepare's journal",
      file: 'prepared/.prepare.jsonl',
      seeds: [
        text(
          JSON.stringify({ recipe }),
          JSON.stringify({
            video: 'v',
            files: '1@2',
            crops: [{ path: 'crops/v/0.jpg', frame: 0, box: [1, 2, 3, 4], origin: 'detector', hash: 'ab' }],
            problems: [],
          }),
        ),
      ],
      async read(path) {
        const journal = await openJournal(dirname(path), recipe);
        await journal.find('v', '1@2');
        await journal.close(['v']);
      },
    },
  ];
}

function model() {
  return {
    name: 'small',
    producer: { name: 'ldcnet', version: '0' },
    inputs: [{ name: 'x', dtype: 'F32' as const, shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'F32' as const, shape: ['N', 2] }],
    nodes: [
      { op: 'Gemm', inputs: ['x', 'w'], outputs: ['y'], attributes: { transB: { int: 1 }, alpha: { float: 2 } } },
    ],
    initializers: [{ name: 'w', dtype: 'F32' as const, shape: [2, 2], data: new Float32Array(4) }],
    metadata: { a: 'b' },
  };
}
