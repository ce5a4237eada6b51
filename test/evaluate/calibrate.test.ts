/** Calibration against what its definitions say, computed by going through every threshold and every subject. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrate, criterionOf } from '../../src/evaluate/calibrate.js';
import { type ScoreRow, scoresOf } from '../../src/evaluate/scores.js';
import { labelledScores, row } from './helpers.js';

type Sample = { score: number; live: boolean; subject: number };

const people = (samples: readonly Sample[]): ScoreRow[] =>
  samples.map(({ score, live, subject }, i) =>
    row({ score, label: live ? 'live' : 'spoof', subject: `p${subject}`, video: `v${i}` }),
  );
const ofSamples = (samples: readonly Sample[]) => scoresOf(people(samples), 'own recordings');

/** FAR and FRR at a threshold. */
function rates(samples: readonly Sample[], threshold: number) {
  const share = (live: boolean, wrong: (score: number) => boolean) => {
    const scores = samples.filter((sample) => sample.live === live).map(({ score }) => score);
    return scores.filter(wrong).length / scores.length;
  };
  return { far: share(false, (score) => score >= threshold), frr: share(true, (score) => score < threshold) };
}

/** The best of all thresholds, by definition: of those that keep the bound the one with the least of the other rate. */
function bestThreshold(samples: readonly Sample[], bounded: 'far' | 'frr', limit: number): number {
  const all = [Number.POSITIVE_INFINITY, ...new Set(samples.map(({ score }) => score))];
  const kept = all.filter((threshold) => rates(samples, threshold)[bounded] <= limit);
  return bounded === 'frr' ? Math.max(...kept) : Math.min(...kept);
}

/** Five subjects, a live and an attack sample of each in turns. */
const drawn = fc.tuple(labelledScores, fc.constantFrom(0, 0.02, 0.1, 0.3, 0.7)).map(([{ score, live }, limit]) => ({
  samples: score.map((value, i) => ({ score: value, live: live[i] === 1, subject: Math.floor(i / 2) % 5 })),
  limit,
}));

describe('the threshold', () => {
  it('rejects at most as many live as was said, and lets as few attacks pass as that allows', () => {
    fc.assert(
      fc.property(drawn, ({ samples, limit }) => {
        const { levels } = calibrate(ofSamples(samples), { rate: 'bpcer', limit });
        expect(levels.frame.threshold).toBe(bestThreshold(samples, 'frr', limit));
        const { far, frr } = rates(samples, levels.frame.threshold);
        expect(levels.video.rates.bpcer.value).toBe(frr);
        expect(levels.video.rates.apcer.value).toBe(far);
        expect(levels.video.rates.hter.value).toBe((far + frr) / 2);
      }),
      { numRuns: 20 },
    );
  });

  it('lets at most as many attacks pass as was said, or says that none does', () => {
    fc.assert(
      fc.property(drawn, ({ samples, limit }) => {
        const best = bestThreshold(samples, 'far', limit);
        const found = () => calibrate(ofSamples(samples), { rate: 'apcer', limit }).levels.frame.threshold;
        if (Number.isFinite(best)) expect(found()).toBe(best);
        else expect(found).toThrow(/no threshold gives apcer=.* on own recordings/);
      }),
      { numRuns: 20 },
    );
  });

  it.each(['bpcer=2', 'apcer=5%', 'hter=0.1', 'bpcer', 'eer=0.1', ''])('%j is no criterion', (text) => {
    expect(() => criterionOf(text)).toThrow(/is no criterion for a threshold/);
  });

  it('is asked for in the words that a user types', () => {
    expect(criterionOf('bpcer=0.02')).toEqual({ rate: 'bpcer', limit: 0.02 });
    expect(criterionOf('APCER=.05')).toEqual({ rate: 'apcer', limit: 0.05 });
    expect(criterionOf('eer')).toEqual({ rate: 'eer' });
  });
});

/** `count` subjects with a live and an attack sample each; every fourth live is weak and every fifth attack is strong. */
const crowd = (count: number): Sample[] =>
  Array.from({ length: count }, (_, subject) => [
    { score: (subject % 4 === 0 ? 0.35 : 0.8) + subject / 1e4, live: true, subject },
    { score: (subject % 5 === 0 ? 0.6 : 0.2) + subject / 1e4, live: false, subject },
  ]).flat();

describe('how sure it is', () => {
  it('the rates of others are those of each subject at the threshold of all the rest', () => {
    const samples = crowd(11);
    const decisions = samples.map((sample) => {
      const rest = samples.filter(({ subject }) => subject !== sample.subject);
      return sample.score >= bestThreshold(rest, 'frr', 0.1) ? 1 : 0;
    });
    const wrong = (live: boolean) =>
      samples.filter((sample, i) => sample.live === live && (decisions[i] === 1) !== live).length / 11;
    const { rates } = calibrate(ofSamples(samples), { rate: 'bpcer', limit: 0.1 }).levels.video;
    expect(rates.bpcer.held_out!.value).toBeCloseTo(wrong(true), 12);
    expect(rates.apcer.held_out!.value).toBeCloseTo(wrong(false), 12);
  });

  it('four times the subjects halve the interval, and the number that a tight one takes stays', () => {
    const [few, many] = [60, 240].map((count) => calibrate(ofSamples(crowd(count)), { rate: 'eer' }).levels.video);
    const width = ([low, high]: [number, number]) => high - low;
    const [a, b] = [few!, many!].map(({ rates }) => width(rates.apcer.held_out!.interval95));
    expect(a! / b!).toBeGreaterThan(1.7);
    expect(a! / b!).toBeLessThan(2.3);
    // A binomial rate p of n subjects has a half width of 1.96 √(p(1−p)/n).
    const p = many!.rates.apcer.held_out!.value;
    const wanted = (1.96 ** 2 * p * (1 - p)) / 0.01 ** 2;
    expect(many!.needed.apcer / wanted).toBeGreaterThan(0.8);
    expect(many!.needed.apcer / wanted).toBeLessThan(1.25);
  });

  it('too few subjects are named with the rate that they cannot exclude', () => {
    const clean = (count: number) =>
      Array.from({ length: count }, (_, subject) => [
        { score: 0.9 - subject / 1e4, live: true, subject },
        { score: 0.1 + subject / 1e4, live: false, subject },
      ]).flat();
    const said = (count: number, at: string) => calibrate(ofSamples(clean(count)), criterionOf(at)).notes;
    const [note] = said(12, 'bpcer=0.05');
    expect(note).toMatch(
      /^12 subjects with live recordings are too few for bpcer=0\.05: .* 22\.1 % .* 5 % takes 59 subjects$/,
    );
    expect((1 - 0.221) ** 12).toBeCloseTo(0.05, 3);
    expect(0.95 ** 59).toBeLessThan(0.05);
    expect(0.95 ** 58).toBeGreaterThan(0.05);
    expect(said(59, 'bpcer=0.05')).toEqual([]);
    expect(said(12, 'eer')[0]).toMatch(/^12 subjects are too few for a threshold: .* 10 % takes 29 subjects$/);
    // Without an error an interval has no width: 299 subjects show a rate below 1 %.
    const alike = clean(12).map((sample) => ({ ...sample, score: sample.live ? 0.9 : 0.1 }));
    expect(calibrate(ofSamples(alike), { rate: 'eer' }).levels.video.needed).toEqual({ bpcer: 299, apcer: 299 });
  });

  it('where nobody says who people are, videos stand for them; where one subject has all of a class, others cannot be judged', () => {
    const anonymous = scoresOf(
      people(crowd(8)).map((each) => ({ ...each, subject: '' })),
      'own',
    );
    expect(calibrate(anonymous, { rate: 'eer' }).levels.video.by).toBe('video');
    const oneLive = crowd(6).filter(({ live, subject }) => !live || subject === 1);
    const { rates } = calibrate(ofSamples(oneLive), { rate: 'eer' }).levels.video;
    expect(rates.bpcer.held_out).toBeNull();
  });
});
