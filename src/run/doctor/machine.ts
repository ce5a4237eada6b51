/** What this machine offers and what is missing, each with what to do. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { messageOf, UserError } from '../../base/errors.js';
import { buildCommand } from '../../base/packageFolder.js';
import { findCropSets } from '../../data/cropSet.js';
import { installDetector, loadDetector } from '../../data/prepare/detector.js';
import { cudaHint, cudaState, openDevice } from '../../engine/device.js';
import { checkProvider, loadRuntime, providers } from '../../onnxruntime/provider.js';
import { version } from '../version.js';

export interface Finding {
  name: string;
  ok: boolean;
  value: string;
  /** What to do, where something is missing. */
  hint?: string;
}

/** Never throws: what cannot be looked at is a finding. */
export async function examine(dataFolder: string): Promise<Finding[]> {
  const memory = `${(totalmem() / 2 ** 30).toFixed(1)} GiB`;
  return [
    { name: 'ldc', ok: true, value: version },
    { name: 'node', ok: true, value: process.version },
    {
      name: 'processor',
      ok: true,
      value: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${memory}`,
    },
    engine(),
    cuda(),
    { name: 'images', ok: true, value: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}` },
    await onnxruntime(),
    await ffmpeg(),
    await detector(),
    await data(dataFolder),
  ];
}

function engine(): Finding {
  try {
    return { name: 'engine', ok: true, value: openDevice('cpu').description };
  } catch (error) {
    return { name: 'engine', ok: false, value: messageOf(error), hint: `build it: ${buildCommand('build:native')}` };
  }
}

function cuda(): Finding {
  try {
    const { unusable, summary } = cudaState();
    const value = summary.split('\n').join('; ');
    return unusable === '' ? { name: 'cuda', ok: true, value } : { name: 'cuda', ok: false, value, hint: cudaHint() };
  } catch (error) {
    return { name: 'cuda', ok: false, value: messageOf(error), hint: `build it: ${buildCommand('build:native')}` };
  }
}

async function onnxruntime(): Promise<Finding> {
  const name = 'onnxruntime';
  const absent = await loadRuntime().then(
    () => undefined,
    (error: UserError) => error,
  );
  if (absent !== undefined) return { name, ok: false, value: absent.message, hint: absent.hint };
  const states = await Promise.all(
    providers.map(async (provider) => {
      const problem = await checkProvider(provider).catch((error: UserError) => error);
      return { provider, problem };
    }),
  );
  const usable = states.filter(({ problem }) => problem === undefined).map(({ provider }) => provider);
  const [missing] = states.flatMap(({ problem }) => problem ?? []);
  const value = `providers: ${usable.join(', ')}${missing ? `; ${missing.message}` : ''}`;
  return { name, ok: true, value, hint: missing?.hint };
}

async function ffmpeg(): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)('ffmpeg', ['-version']);
    return { name: 'ffmpeg', ok: true, value: stdout.split('\n')[0]! };
  } catch {
    return { name: 'ffmpeg', ok: false, value: 'not found', hint: 'needed for videos only: apt-get install ffmpeg' };
  }
}

/** How fast it is, by the processor time of some pictures: those of a frame of a webcam, drawn grey. */
async function detector(): Promise<Finding> {
  const name = 'detector';
  const hint = `needed where a release does not say where faces are: ${installDetector}`;
  try {
    const found = await loadDetector();
    if (found === null) return { name, ok: false, value: 'not installed', hint };
    const [width, height, pictures] = [640, 480, 10];
    const picture = { left: 0, top: 0, width, height, pixels: new Uint8Array(3 * width * height).fill(128) };
    await found.detect(picture);
    const before = process.cpuUsage();
    for (let i = 0; i < pictures; i++) await found.detect(picture);
    const { user, system } = process.cpuUsage(before);
    const rate = Math.round((pictures * 1e6) / (user + system));
    return { name, ok: true, value: `${found.name}; ${rate} pictures of ${width} pixels a second and core` };
  } catch (error) {
    return { name, ok: false, value: messageOf(error), hint: error instanceof UserError ? error.hint : hint };
  }
}

async function data(folder: string): Promise<Finding> {
  const hint = 'make some: ldc synth --out data; or name the folder: --data DIR';
  if (!existsSync(folder)) return { name: 'data', ok: false, value: `${folder} does not exist`, hint };
  try {
    const sets = [...(await findCropSets(folder)).values()];
    const names = sets.map((set) => `${set.letter} ${set.name}${set.synthetic ? ' (SYNTHETIC)' : ''}`);
    return { name: 'data', ok: sets.length > 0, value: names.join(', ') || `no crop sets in ${folder}`, hint };
  } catch (error) {
    return { name: 'data', ok: false, value: messageOf(error), hint };
  }
}
