/** TensorBoard's files of a run, read back by a reader of its own: after a kill and --resume no step is there twice, none is missing. */
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { eventRecord } from '../../../src/formats/tensorboard.js';
import { loadConfig } from '../../../src/run/configuration.js';
import type { Experiment } from '../../../src/run/experiment.js';
import { RunFolder } from '../../../src/run/runFolder.js';
import { EventLog } from '../../../src/run/training/eventLog.js';
import { temporaryFolder } from '../../data/helpers.js';
import { eventsOf, fieldsOf, masked, readEvents } from '../../formats/readEvents.js';

const lines = Array.from({ length: 10 }, (_, i) => ({
  ...{ epoch: 1 + Math.floor(i / 5), step: i + 1, loss: 1 / (i + 1), live_map: i },
  ...{ learning_rate: 1e-4, images_per_s: 40, seconds: {} },
}));
const config = await loadConfig(undefined, ['seed=7']);
const experiment = { protocol: { name: 'O&C&I-to-M' }, config, dev: [], synthetic: true } as unknown as Experiment;

it('the masked checksum is that of the published vector', () => {
  // RFC 3720, B.4: 32 bytes of zero have CRC-32C 8a9136aa.
  const crc = 0x8a9136aa;
  expect(masked(new Uint8Array(32))).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
});

it('images, numbers and texts come back as they were', async () => {
  const encoded = await sharp({ create: { width: 3, height: 2, channels: 3, background: '#fff' } })
    .png()
    .toBuffer();
  const values = [
    { tag: 'größe', scalar: Number.NaN },
    { tag: 'b', image: { width: 3, height: 2, encoded } },
  ];
  const [read] = eventsOf(eventRecord({ wallTime: 1.5, step: 2 ** 33, values }));
  expect(read).toMatchObject({ wallTime: 1.5, step: 2 ** 33 });
  expect(read!.values[0]).toEqual({ tag: 'größe', scalar: Number.NaN });
  expect(read!.values[1]!.image).toEqual({ width: 3, height: 2, content: encoded });
});

describe('a training', async () => {
  const folder = new RunFolder(await temporaryFolder());
  const stepsOf = (tag: string) =>
    readEvents(folder.path).flatMap(({ step, values }) => (values.some((value) => value.tag === tag) ? [step] : []));
  const file = () => join(folder.path, readdirSync(folder.path)[0]!);

  it('writes its terms, rate and speed at each step, and its hyper-parameters', async () => {
    const log = await EventLog.open(folder, experiment, 0);
    for (const line of lines.slice(0, 8)) log.step(line);
    const events = readEvents(folder.path);
    expect(events[0]).toMatchObject({ version: 'brain.Event:2', step: 0 });
    const tags = ['loss/loss', 'loss/live_map', 'training/learning_rate', 'training/images_per_s'];
    expect(events.at(-1)!.values.map(({ tag }) => tag)).toEqual(tags);
    expect(events.at(-1)!.values.map(({ scalar }) => scalar)).toEqual([1 / 8, 7, 1e-4, 40].map(Math.fround));
    const [start] = events.flatMap(({ values }) => values.flatMap(({ plugin }) => plugin ?? []));
    expect(start!.name).toBe('hparams');
    const info = fieldsOf(fieldsOf(start!.content).get(3)![0] as Buffer);
    const pairs = (info.get(1) as Buffer[]).map((entry) => {
      const [key, value] = [1, 2].map((field) => fieldsOf(entry).get(field)![0]);
      return [String(key), fieldsOf(value as Buffer)] as const;
    });
    const hparams = new Map(pairs);
    expect((hparams.get('seed')!.get(2)![0] as Buffer).readDoubleLE()).toBe(7);
    expect(String(hparams.get('model.conv.kind')!.get(3)![0])).toBe('ldc');
    expect(hparams.get('train.squared')!.get(4)).toEqual([0n]);
  });

  it('goes on behind a kill in the middle of a record, from an earlier checkpoint', async () => {
    appendFileSync(
      file(),
      eventRecord({ wallTime: 1, step: 9, values: [{ tag: 'loss/loss', scalar: 1 }] }).subarray(0, 20),
    );
    expect(() => readEvents(folder.path)).toThrow('torn');
    const before = file();
    const log = await EventLog.open(folder, experiment, 5);
    // Under another name: a TensorBoard that reads the old file looks for the next.
    expect(readdirSync(folder.path)).toHaveLength(1);
    expect(file() > before).toBe(true);
    expect(stepsOf('loss/loss')).toEqual([1, 2, 3, 4, 5]);
    for (const line of lines.slice(5)) log.step(line);
    log.end(10);
    expect(stepsOf('loss/loss')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(stepsOf('_hparams_/session_end_info')).toEqual([10]);
    expect(stepsOf('_hparams_/session_start_info')).toEqual([0]);
  });

  it('that begins again has nothing of before', async () => {
    await EventLog.open(folder, experiment, 0);
    expect(stepsOf('loss/loss')).toEqual([]);
  });
});
