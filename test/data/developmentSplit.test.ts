import { describe, expect, it } from 'vitest';
import { developmentSplit } from '../../src/data/developmentSplit.js';
import type { Frame } from '../../src/data/manifest.js';
import { Philox } from '../../src/engine/random.js';
import { frame } from './helpers.js';

/** `subjects` people of a domain with one live and two spoof videos of two frames each. */
function people(domain: string, subjects: number, from = 1): Frame[] {
  return Array.from({ length: subjects }, (_, s) =>
    (['live', 'print', 'replay'] as const).flatMap((attackType) =>
      [0, 1].map((number) => {
        const subject = `${from + s}`;
        const label = attackType === 'live' ? 'live' : 'spoof';
        const video = `${subject}-${attackType}`;
        return frame({
          domain,
          subject,
          video,
          label,
          attackType,
          frame: number,
          path: `/d/${domain}/${video}-${number}.png`,
        });
      }),
    ),
  ).flat();
}

const namesOf = (frames: readonly Frame[], domain?: string) => [
  ...new Set(frames.filter((f) => domain === undefined || f.domain === domain).map((f) => `${f.domain}${f.subject}`)),
];
const classesOf = (frames: readonly Frame[]) => [...new Set(frames.map(({ label }) => label))].sort();

describe('developmentSplit', () => {
  const frames = [...people('O', 20), ...people('C', 10), ...people('I', 5)];

  it('holds out a fraction of the people of each domain, and keeps the order', () => {
    const { train, dev, notices } = developmentSplit(frames, 0.2, 7);
    expect(namesOf(dev, 'O')).toHaveLength(4);
    expect(namesOf(dev, 'C')).toHaveLength(2);
    expect(namesOf(dev, 'I')).toHaveLength(1);
    expect(namesOf(train).filter((name) => namesOf(dev).includes(name))).toEqual([]);
    expect([...train, ...dev]).toHaveLength(frames.length);
    expect(new Set([...train, ...dev])).toEqual(new Set(frames));
    const order = (part: Frame[]) => part.map((f) => frames.indexOf(f));
    expect(order(train)).toEqual(order(train).sort((a, b) => a - b));
    expect(notices).toEqual([]);
  });

  it('depends on the seed, and on nothing but it and the domain itself', () => {
    const first = developmentSplit(frames, 0.2, 7).dev;
    expect(developmentSplit(frames, 0.2, 7).dev).toEqual(first);
    const shuffled = new Philox(1, 1).shuffle([...frames]);
    expect(new Set(developmentSplit(shuffled, 0.2, 7).dev)).toEqual(new Set(first));
    const alone = developmentSplit(
      frames.filter(({ domain }) => domain === 'C'),
      0.2,
      7,
    ).dev;
    expect(alone).toEqual(first.filter(({ domain }) => domain === 'C'));
    const seeds = [1, 2, 3, 4].map((seed) => namesOf(developmentSplit(frames, 0.2, seed).dev).join());
    expect(new Set(seeds).size).toBe(4);
  });

  it('gives domains of equal names for their people different divisions', () => {
    const twins = [...people('A', 30), ...people('B', 30)];
    const { dev } = developmentSplit(twins, 0.2, 0);
    const held = (domain: string) => namesOf(dev, domain).map((name) => name.slice(1));
    expect(held('A')).not.toEqual(held('B'));
  });

  it('holds out at least one person and never all', () => {
    for (const fraction of [0.01, 0.99]) {
      const { train, dev } = developmentSplit(people('O', 3), fraction, 0);
      expect(namesOf(fraction < 0.5 ? dev : train)).toHaveLength(1);
    }
  });

  it('holds out nothing at 0', () => {
    expect(developmentSplit(frames, 0, 0)).toEqual({ train: frames, dev: [], notices: [] });
  });

  it('does not look at the split of the release', () => {
    const released = frames.map((f, i) => ({ ...f, split: i % 2 ? ('dev' as const) : ('test' as const) }));
    expect(namesOf(developmentSplit(released, 0.2, 7).dev)).toEqual(namesOf(developmentSplit(frames, 0.2, 7).dev));
  });

  it('puts both classes on both sides when some people have only one', () => {
    for (let seed = 0; seed < 30; seed++) {
      const live = people('O', 2).filter(({ label }) => label === 'live');
      const spoof = people('O', 12, 10).filter(({ label }) => label === 'spoof');
      const { train, dev } = developmentSplit([...live, ...spoof], 0.2, seed);
      expect([classesOf(train), classesOf(dev)]).toEqual([
        ['live', 'spoof'],
        ['live', 'spoof'],
      ]);
      // One person of each kind: whoever has both classes has to stay.
      const mixed = [...people('O', 1), ...live.slice(0, 1).map((f) => ({ ...f, subject: '8' })), ...spoof.slice(0, 4)];
      const few = developmentSplit(mixed, 0.2, seed);
      expect([classesOf(few.train), classesOf(few.dev)]).toEqual([
        ['live', 'spoof'],
        ['live', 'spoof'],
      ]);
    }
  });

  it('divides by video, with a notice, where there is one person', () => {
    const one = people('O', 10).map((f) => ({ ...f, subject: '1', video: `${f.subject}-${f.video}` }));
    const { train, dev, notices } = developmentSplit(one, 0.2, 0);
    expect(dev).toHaveLength(12);
    expect(train.filter(({ video }) => dev.some((f) => f.video === video))).toEqual([]);
    expect(classesOf(dev)).toEqual(['live', 'spoof']);
    expect(notices).toEqual([
      'domain O: development data are held out by video, not by subject, because it has one subject',
    ]);
  });

  it('divides by video, with a notice, where people are unknown', () => {
    const unknown = people('O', 10).map((f, i) => (i === 5 ? { ...f, subject: '' } : f));
    expect(developmentSplit(unknown, 0.2, 0).notices[0]).toContain(
      'by video, not by subject, because not all its subjects are known',
    );
  });

  it('divides by image, with a notice, where a class has one video', () => {
    const images = Array.from({ length: 20 }, (_, i) =>
      frame({ video: i < 10 ? 'a' : 'b', label: i < 10 ? 'live' : 'spoof' }),
    );
    const { train, dev, notices } = developmentSplit(images, 0.2, 0);
    expect([train.length, dev.length]).toEqual([16, 4]);
    expect([classesOf(train), classesOf(dev)]).toEqual([
      ['live', 'spoof'],
      ['live', 'spoof'],
    ]);
    expect(notices[0]).toContain('by image, a class having one video');
  });

  it('says so when nothing can be held out, or a class only on one side', () => {
    const two = people('O', 2).filter(({ label, subject }) => (label === 'live') === (subject === '1'));
    expect(developmentSplit(two, 0.2, 0)).toMatchObject({ train: two, dev: [] });
    expect(developmentSplit(two, 0.2, 0).notices[0]).toContain('domain O gives no development data');
    const oneLive = people('O', 6).filter(({ label, subject }) => label === 'spoof' || subject === '3');
    const { train, notices } = developmentSplit(oneLive, 0.4, 0);
    expect(classesOf(train)).toEqual(['live', 'spoof']);
    expect(notices).toEqual(['domain O: its development data have no live frames']);
  });
});
