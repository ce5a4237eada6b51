import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseProtocol } from '../../src/config/protocol.js';
import type { Frame } from '../../src/data/manifest.js';
import { defaultConfig } from '../../src/run/configuration.js';
import { dataFacts, openExperiment } from '../../src/run/experiment.js';
import { failure, temporaryFolder } from '../data/helpers.js';
import { writeOuluSet } from '../data/ouluSet.js';

const data = await temporaryFolder();
beforeAll(() => writeOuluSet(data));

const open = (protocol: string) => openExperiment(parseProtocol(protocol), defaultConfig, data);
const places = (frames: readonly Frame[]) =>
  [...new Set(frames.map(({ split, extra }) => `${split} phone ${extra.phone}`))].sort();

describe('an official protocol of OULU-NPU', () => {
  it('trains, chooses thresholds and tests on the videos that the release says', async () => {
    const experiment = await open('oulu/3/2');
    const others = [1, 3, 4, 5, 6];
    expect(places(experiment.train)).toEqual(others.map((phone) => `train phone ${phone}`));
    expect(places(experiment.dev)).toEqual(others.map((phone) => `dev phone ${phone}`));
    expect(places(experiment.targets.flatMap(({ frames }) => frames))).toEqual(['test phone 2']);
    expect([experiment.train, experiment.dev, experiment.targets[0]!.frames].map(({ length }) => length)).toEqual([
      50, 25, 5,
    ]);
    expect(experiment).toMatchObject({ synthetic: true, notices: [] });
    expect(dataFacts(experiment)).toMatchObject({
      O: { name: 'OULU-NPU', subset: 'protocol 3/2', attackTypes: null },
    });
  });

  it('is called partial when videos that it names are not there', async () => {
    const file = join(data, 'OULU-NPU/protocols.json');
    const text = await readFile(file, 'utf8');
    const protocols = JSON.parse(text);
    protocols['3/1'].train.push('6_3_20_1', '6_3_20_2');
    protocols['3/1'].test.push('1_3_55_1');
    await writeFile(file, JSON.stringify(protocols));
    const { notices, targets } = await open('oulu/3/1');
    expect(targets[0]!.name).toBe('OULU-NPU (partial)');
    expect(notices).toEqual(['protocol 3/1 of OULU-NPU is partial: 3 of its videos are not there (train 2, test 1)']);
    await writeFile(file, text);
  });

  it('that the set does not have is answered with those it has, or with how to get them', async () => {
    expect((await failure(open('oulu/1'))).hint).toBe('it has 3/1, 3/2, 3/3, 3/4, 3/5, 3/6');
    const file = join(data, 'OULU-NPU/protocols.json');
    const text = await readFile(file, 'utf8');
    await rm(file);
    expect((await failure(open('oulu/1'))).hint).toContain('put the Protocols folder of the release beside its videos');
    await writeFile(file, text);
  });
});
