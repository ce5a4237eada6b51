import { describe, expect, it } from 'vitest';
import { evaluateScores, targetCounts } from '../../src/evaluate/evaluation.js';
import { samplesAt } from '../../src/evaluate/levels.js';
import { isKnown } from '../../src/evaluate/results.js';
import { type ScoreRow, scoresOf } from '../../src/evaluate/scores.js';
import { row } from './helpers.js';

/** Two live and three attack videos of two frames; video means 0.8, 0.5, then print 0.6 and 0.1, replay 0.2. */
const target: ScoreRow[] = [
  ['a', 'live', 'live', 's1', 0.9, 0.7],
  ['b', 'live', 'live', 's2', 0.45, 0.55],
  ['c', 'spoof', 'print', 's1', 0.7, 0.5],
  ['d', 'spoof', 'print', 's2', 0.0, 0.2],
  ['e', 'spoof', 'replay', 's2', 0.1, 0.3],
].flatMap(([video, label, attackType, subject, ...scores]) =>
  scores.map((score, frame) =>
    row({
      video: video as string,
      label: label as 'live' | 'spoof',
      attackType: attackType as string,
      subject: subject as string,
      frame,
      score: score as number,
      liveMapMean: 51,
      spoofMapMean: label === 'live' ? 0 : 102,
    }),
  ),
);
/** Development: live 0.7 and 0.9, attacks 0.3 and 0.65: any cut in (0.65, 0.7] has no errors, its vertex is 0.7. */
const source = scoresOf(
  [0.7, 0.9, 0.3, 0.65].map((score, i) => row({ video: `d${i}`, label: i < 2 ? 'live' : 'spoof', score })),
  'development',
);

describe('levels of eval.json', () => {
  it('have the figures worked out by hand at video level', () => {
    const { video } = evaluateScores(scoresOf(target, 'target'), source);
    expect(video.n).toEqual({ live: 2, attack: 3 });
    // Of 6 pairs only (0.5, 0.6) is wrong.
    expect(video.auc).toBeCloseTo(5 / 6, 14);
    // (FAR, FRR): (0, 1) (0, 1/2) (1/3, 1/2) (1/3, 0): they cross on the last step at 1/3.
    expect(video.eer).toBeCloseTo(1 / 3, 14);
    expect(Object.keys(video.thresholds)).toEqual(['source-dev-eer', 'fixed', 'target-eer', 'target-youden']);
    expect(video.thresholds['source-dev-eer']).toEqual({
      value: 0.7,
      far: 0,
      frr: 0.5,
      hter: 0.25,
      bpcer: 0.5,
      apcer: { print: 0, replay: 0 },
      apcer_max: 0,
      acer: 0.25,
      oracle: false,
    });
    const { fixed } = video.thresholds;
    expect(fixed).toMatchObject({
      value: 0.5,
      far: 1 / 3,
      frr: 0,
      apcer: { print: 0.5, replay: 0 },
      apcer_max: 0.5,
      acer: 0.25,
    });
    expect(video.thresholds['target-eer']).toMatchObject({ value: 0.6, oracle: true });
    expect(video.thresholds['target-youden']).toMatchObject({ value: 0.5, hter: 1 / 6, oracle: true });
    expect(video.bpcer_at_apcer).toEqual({ '0.01': 0.5, '0.05': 0.5, '0.1': 0.5 });
    expect(video.tpr_at_fpr).toEqual({ '0.001': 0.5, '0.01': 0.5, '0.05': 0.5, '0.1': 0.5 });
    expect(video.interval95).toMatchObject({ by: 'subject', resamples: 2000 });
    const [low, high] = video.interval95.auc;
    expect(low).toBeLessThanOrEqual(5 / 6);
    expect(high).toBe(1);
    expect(video.interval95.hter).not.toBeNull();
  });

  it('count frames at frame level', () => {
    const { frame } = evaluateScores(scoresOf(target, 'target'), source);
    expect(frame.n).toEqual({ live: 4, attack: 6 });
    expect(targetCounts(scoresOf(target, 'target'))).toEqual([
      { domain: 'M', videos: { live: 2, attack: 3 }, frames: 10 },
    ]);
  });

  it('say why the source threshold cannot be had, and give no HTER interval then', () => {
    const oneClass = scoresOf([row({ label: 'live', score: 0.5 })], 'development');
    const cases = [
      { given: { why: 'no development scores were given' }, why: 'no development scores were given' },
      { given: oneClass, why: /both classes.*1 live and 0 attack/ },
      {
        given: scoresOf(
          [0, 1].map((i) => row({ label: i ? 'live' : 'spoof', score: 1, video: `${i}` })),
          'd',
        ),
        why: /equal/,
      },
    ];
    for (const { given, why } of cases) {
      const { video } = evaluateScores(scoresOf(target, 'target'), given, { resamples: 10 });
      const missing = video.thresholds['source-dev-eer'];
      expect(Object.keys(missing)).toEqual(['value', 'why']);
      expect(missing.value).toBeNull();
      expect((missing as { why: string }).why).toMatch(why);
      expect(video.interval95.hter).toBeNull();
    }
  });

  it('add the maps to the score on request', () => {
    const scores = scoresOf(target, 'target');
    const plain = samplesAt(scores, 'video', 'classifier').score;
    const combined = samplesAt(scores, 'video', 'classifier+maps').score;
    expect(combined[0]! - plain[0]!).toBeCloseTo(0.2, 12);
    expect(combined[2]! - plain[2]!).toBeCloseTo(-0.2, 12);
    const without = scoresOf(
      target.map(({ liveMapMean: _, ...rest }) => rest),
      'bare.csv',
    );
    expect(() => samplesAt(without, 'video', 'classifier+maps')).toThrow(/means of the maps, which bare.csv has not/);
  });

  it('give a threshold of +infinity as null with its rates', () => {
    const reversed = [0.1, 0.9].map((score, i) => row({ video: `${i}`, label: i ? 'spoof' : 'live', score }));
    const threshold = evaluateScores(scoresOf(reversed, 'x'), source, { resamples: 10 }).video.thresholds[
      'target-youden'
    ];
    expect(isKnown(threshold)).toBe(true);
    expect(threshold).toMatchObject({ value: null, why: expect.stringMatching(/infinity/), far: 0, frr: 1, hter: 0.5 });
  });

  it('refuse one class, and frames that contradict each other about their video', () => {
    const live = target.filter(({ label }) => label === 'live');
    expect(() => evaluateScores(scoresOf(live, 'live.csv'), source)).toThrow(/both classes.*live\.csv/);
    const mixed = [...target, row({ video: 'a', label: 'spoof', score: 0, subject: 's1', path: 'odd.png' })];
    expect(() => evaluateScores(scoresOf(mixed, 'mixed.csv'), source)).toThrow(
      /"a" of domain "M".*mixed\.csv.*odd\.png/,
    );
  });

  it('keep videos of the same name in two domains apart', () => {
    const twice = [...target, ...target.map((r) => ({ ...r, domain: 'O' }))];
    expect(evaluateScores(scoresOf(twice, 'x'), source, { resamples: 10 }).video.n).toEqual({ live: 4, attack: 6 });
  });
});
