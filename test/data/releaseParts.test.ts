/** The division of the published honest rows on crop sets with the files of the whole releases: counts as published. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseProtocol } from '../../src/config/protocol.js';
import { countFrames } from '../../src/data/counts.js';
import { type Frame, type NewFrame, writeManifest } from '../../src/data/manifest.js';
import type { Presentation } from '../../src/data/sources/source.js';
import { findSource } from '../../src/data/sources/sources.js';
import { loadConfig } from '../../src/run/configuration.js';
import { openExperiment } from '../../src/run/experiment.js';
import { failure, put, temporaryFolder } from './helpers.js';

const data = await temporaryFolder();
/** The clients of Replay-Attack's development part: three of them are left out, the others are known from a copy alone. */
const devel = [3, 5, 10, ...Array.from({ length: 12 }, (_, i) => 200 + i)].map(
  (client) => ({ split: 'dev', subject: String(client).padStart(3, '0') }) as Presentation,
);

/** Every video of a release with one frame; only the manifest is there. */
async function writeRelease(id: string): Promise<void> {
  const { name, letter, subsets, expectedPaths, present } = findSource(id);
  const frames = expectedPaths!(devel).map((path, i): NewFrame => {
    return { ...present(path.replace(/\.\w+$/, ''))!, path: `crops/${i}.png`, frame: 0 };
  });
  await put(join(data, name, 'dataset.json'), JSON.stringify({ name, letter, subsets }));
  await writeManifest(join(data, name), letter, frames);
}
for (const id of ['oulu', 'casia', 'replay', 'msu']) await writeRelease(id);
await put(
  join(data, 'own/manifest.csv'),
  'path,domain,split,subject,video,frame,label,attack_type,pai\na.png,X,train,p,v,0,live,live,\nb.png,X,train,p,w,0,spoof,print,\n',
);

const open = async (protocol: string) =>
  openExperiment(parseProtocol(protocol), await loadConfig(undefined, ['data.development=release']), data);

const counts = (frames: readonly Frame[], domain: string) => {
  const own = frames.filter((frame) => frame.domain === domain);
  const { live, attack } = countFrames(own).videos;
  return { videos: [live, attack], subjects: new Set(own.map(({ subject }) => subject)).size };
};

describe('data.development: release', () => {
  it.each<[string, number[], number, number[], number, number[]]>([
    ['O', [720, 2880], 40, [252, 1008], 14, [21]],
    ['I', [140, 700], 35, [48, 240], 12, [3, 5, 10]],
    ['M', [24, 72], 12, [40, 120], 20, [53, 54, 55]],
    // The last three people of the test part, counted behind the twenty of the other.
    ['C', [60, 180], 20, [81, 243], 27, [48, 49, 50]],
  ])('%s trains on %j of %i people and chooses on %j of %i', async (domain, train, people, dev, devPeople, out) => {
    const target = domain === 'M' ? 'C' : 'M';
    const experiment = await open(`${domain}-to-${target}`);
    expect(counts(experiment.train, domain)).toEqual({ videos: train, subjects: people });
    expect(counts(experiment.dev, domain)).toEqual({ videos: dev, subjects: devPeople });
    const used = [...experiment.train, ...experiment.dev].map(({ subject }) => Number(subject));
    expect(out.filter((subject) => used.includes(subject))).toEqual([]);
    const trained = new Set(experiment.train.map(({ subject }) => subject));
    expect(experiment.dev.filter(({ subject }) => trained.has(subject))).toEqual([]);
  });

  it('pools the sources, and leaves the target as it always is', async () => {
    const experiment = await open('O&C&I-to-M');
    expect(countFrames(experiment.train).videos).toEqual({ live: 720 + 60 + 140, attack: 2880 + 180 + 700 });
    expect(countFrames(experiment.dev).videos).toEqual({ live: 252 + 81 + 48, attack: 1008 + 243 + 240 });
    expect(experiment.sources.map(({ subset }) => subset)).toEqual(['release', 'release', 'release']);
    const toO = await open('I&C&M-to-O');
    expect(countFrames(toO.targets[0]!.frames).videos).toEqual({ live: 720, attack: 2880 });
    expect(toO.targets[0]!.subset).toBe('default');
  });

  it('keeps attack types that a protocol names', async () => {
    const experiment = await open('C:print-to-M');
    expect(counts(experiment.dev, 'C').videos).toEqual([81, 162]);
  });

  it('is refused for other sets, and beside a subset', async () => {
    expect((await failure(open('X&C-to-M'))).message).toMatch(/is known of OULU-NPU, .* and X is own/);
    expect((await failure(open('O:all-to-M'))).message).toMatch(/O:all names the subset all/);
  });
});
