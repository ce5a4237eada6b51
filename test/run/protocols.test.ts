/** What protocols mean on drawn sets: names, several targets, few-shot, attacks left out, a release's own parts. */
import { describe, expect, it } from 'vitest';
import { siwmAttacks } from '../../src/config/domainNames.js';
import { foldsOf, parseProtocol } from '../../src/config/protocol.js';
import type { Frame } from '../../src/data/manifest.js';
import { loadConfig } from '../../src/run/configuration.js';
import { dataFacts, openExperiment } from '../../src/run/experiment.js';
import { failure, temporaryFolder } from '../data/helpers.js';
import { rowsOf, writePlainSet } from '../data/plainSet.js';

const data = await temporaryFolder();
const people = Array.from({ length: 8 }, (_, i) => `0${i + 1}`);
await writePlainSet(data, 'OULU-NPU', 'O', rowsOf(people, ['live', 'print', 'replay']));
await writePlainSet(data, 'MSU-MFSD', 'M', rowsOf(people, ['live', 'print']));
await writePlainSet(data, 'WMCA', 'W', rowsOf(people, ['live', 'mask']));
await writePlainSet(data, 'Visits', 'X', rowsOf(people, ['live', 'print']));
await writePlainSet(data, 'Nobody', 'N', rowsOf([''], ['live', 'print']));
await writePlainSet(data, 'SiW-M v2', 'siwm', [
  ...rowsOf(['', ''], ['live']).map((row, i) => ({ ...row, video: `a${i}` })),
  ...rowsOf(['', ''], ['live'], { split: 'test' }).map((row, i) => ({ ...row, video: `b${i}` })),
  ...rowsOf([''], siwmAttacks),
]);
await writePlainSet(data, 'WFAS', 'wfas', [
  ...rowsOf(people.slice(0, 3), ['live', 'print']),
  ...rowsOf(people.slice(3, 5), ['live', 'mask'], { split: 'dev' }),
  ...rowsOf(people.slice(5), ['live', 'poster'], { split: 'test' }),
]);

const open = async (protocol: string, ...set: string[]) =>
  openExperiment(parseProtocol(protocol), await loadConfig(undefined, set), data);
const subjects = (frames: readonly Frame[]) => [...new Set(frames.map(({ subject }) => subject))].sort();

describe('names', () => {
  it('of releases and of sets mean the same as letters', async () => {
    const letters = await open('O&W-to-X&M');
    const names = await open('oulu&wmca-to-visits&msu');
    const sides = ({ sources, targets }: typeof letters) => [...sources, ...targets].map(({ domain }) => domain);
    expect(sides(names)).toEqual(['O', 'W', 'X', 'M']);
    expect(sides(names)).toEqual(sides(letters));
    expect(names.train).toEqual(letters.train);
  });

  it('that are not there are answered with those that are', async () => {
    const { message, hint } = await failure(open('cefa-to-O'));
    expect(message).toContain('no domain cefa');
    expect(hint).toContain('W (WMCA)');
  });

  it('of one set on both sides are found out', async () => {
    expect((await failure(open('X-to-visits'))).message).toContain('on both sides');
  });
});

describe('few-shot', () => {
  it('trains on so many people of the target, all of whose frames are gone from the test', async () => {
    const plain = await open('O&W-to-M');
    const experiment = await open('O&W+M:3-to-M');
    const trained = experiment.train.filter(({ domain }) => domain === 'M');
    const tested = experiment.targets[0]!.frames;
    expect(subjects(trained)).toHaveLength(3);
    expect([...subjects(trained), ...subjects(tested)].sort()).toEqual(people);
    expect(trained.length + tested.length).toBe(plain.targets[0]!.frames.length);
    expect(experiment.train.filter(({ domain }) => domain !== 'M')).toEqual(plain.train);
    expect(experiment.dev).toEqual(plain.dev);
    const fewShot = { domain: 'M', subjects: subjects(trained), videos: { live: 3, attack: 3 }, images: 6 };
    expect(experiment.fewShot).toEqual(fewShot);
    expect(dataFacts(experiment)).toMatchObject({
      M: { subset: 'all without 3 people', trained: subjects(trained) },
    });
  });

  it('keeps who they are in the configuration: with it, another seed tests on the same people', async () => {
    const chosen = new Set<string>();
    for (const seed of [0, 1, 2, 3, 4]) {
      const first = await open('O+M:2-to-M', `seed=${seed}`);
      expect((await open('O+M:2-to-M', `seed=${seed}`)).fewShot).toEqual(first.fewShot);
      const kept = `data.few_shot=${JSON.stringify(first.config.data.few_shot)}`;
      expect((await open('O+M:2-to-M', 'seed=9', kept)).targets).toEqual(first.targets);
      chosen.add(first.fewShot!.subjects.join());
    }
    expect(chosen.size).toBeGreaterThan(1);
  });

  it('takes those that the user names, however their numbers are written', async () => {
    expect((await open('O+M:2-to-M', 'data.few_shot=[3, "05"]')).fewShot!.subjects).toEqual(['03', '05']);
    const fails = async (protocol: string, ...set: string[]) => (await failure(open(protocol, ...set))).message;
    expect(await fails('O+M:2-to-M', 'data.few_shot=[3]')).toContain('names 1 people, and the protocol asks for 2');
    expect(await fails('O+M:1-to-M', 'data.few_shot=[31]')).toContain('"31", who is nobody of MSU-MFSD');
    expect(await fails('O-to-M', 'data.few_shot=[3]')).toContain('trains on none');
    expect(await fails('O+M:9-to-M')).toContain('has 8 people');
    expect(await fails('O+M:8-to-M')).toContain('leaves no live frames');
    expect(await fails('O+N:1-to-N')).toContain('names nobody');
  });

  it('leaves other targets whole', async () => {
    const { targets } = await open('O+visits:2-to-M&visits');
    expect(targets.map(({ frames }) => subjects(frames).length)).toEqual([8, 6]);
  });
});

describe('SiW-M v2', () => {
  it('leaves out one attack and the live videos of the test list', async () => {
    const folds = foldsOf('siwm')!;
    const left: string[] = [];
    for (const fold of folds) {
      const { train, dev, targets, notices } = await open(fold);
      const tested = targets[0]!.frames;
      const attacks = tested.filter(({ label }) => label === 'spoof').map(({ attackType }) => attackType);
      left.push(...attacks);
      expect(tested.flatMap(({ video, label }) => (label === 'live' ? video : []))).toEqual(['b0', 'b1']);
      const trained = [...train, ...dev];
      expect(
        trained
          .filter(({ label }) => label === 'live')
          .map(({ video }) => video)
          .sort(),
      ).toEqual(['a0', 'a1']);
      expect(new Set(trained.map(({ attackType }) => attackType)).size).toBe(14);
      expect(trained.some(({ attackType }) => attackType === attacks[0])).toBe(false);
      expect(notices.join()).toContain('held out by video');
    }
    expect(left).toEqual([...siwmAttacks]);
  });

  it('wants to know which live videos are tested on', async () => {
    const other = await temporaryFolder();
    await writePlainSet(other, 'SiW-M v2', 'siwm', rowsOf(['1', '2'], ['live', 'print', 'replay']));
    const config = await loadConfig();
    const { hint } = await failure(openExperiment(parseProtocol('siwm/print'), config, other));
    expect(hint).toContain('testlist_live.txt');
    const { message } = await failure(openExperiment(parseProtocol('siwm/mannequin'), config, other));
    expect(message).toContain('has no attack mannequin');
  });
});

it('WFAS has its own parts, and its threshold from its development part', async () => {
  const { train, dev, targets } = await open('wfas');
  expect([subjects(train), subjects(dev), subjects(targets[0]!.frames)]).toEqual([
    ['01', '02', '03'],
    ['04', '05'],
    ['06', '07', '08'],
  ]);
});
