/** Small sets of scores for tests. */
import * as fc from 'fast-check';
import type { ScoreRow } from '../../src/evaluate/scores.js';

/** A row with everything filled in but what a test cares about. */
export function row(fields: Partial<ScoreRow> & Pick<ScoreRow, 'score' | 'label'>): ScoreRow {
  const { label } = fields;
  return {
    path: `${fields.video ?? 'v'}/${fields.frame ?? 0}.png`,
    domain: 'M',
    subject: '',
    video: 'v',
    frame: 0,
    attackType: label === 'live' ? 'live' : 'print',
    ...fields,
  };
}

/** Scores with many ties (multiples of 1/8) or almost none, and labels of both classes. */
export const labelledScores = fc
  .tuple(
    fc.array(
      fc.oneof(
        fc.integer({ min: 0, max: 8 }).map((k) => k / 8),
        fc.double({ min: 0, max: 1, noNaN: true }),
      ),
      {
        minLength: 2,
        maxLength: 60,
      },
    ),
    fc.infiniteStream(fc.boolean()),
  )
  .map(([score, bits]) => {
    const live = score.map((_, i) => (i === 0 ? 1 : i === 1 ? 0 : Number(bits.next().value)));
    return { score, live };
  });
