/** Where a calibrated threshold comes from, as it stands in the cards of models and beside runs. */
import { z } from 'zod';

export const calibrationSchema = z.strictObject({
  /** The criterion: `bpcer=0.02`, `apcer=0.05`, `eer`. */
  at: z.string(),
  data: z.strictObject({
    name: z.string(),
    letter: z.string(),
    /** Of the manifest. */
    sha256: z.string(),
  }),
  date: z.iso.date(),
  /** People; null where nobody says who they are. */
  subjects: z.int().nullable(),
  videos: z.strictObject({ live: z.int(), attack: z.int() }),
  /** Drawn faces. */
  synthetic: z.boolean(),
});

export type CalibrationRecord = z.output<typeof calibrationSchema>;

/** `bpcer=0.02 on visits (X), 12 subjects, 2026-11-28`. */
export function calibrationText({ at, data, date, subjects, videos, synthetic }: CalibrationRecord): string {
  const who = subjects === null ? `${videos.live + videos.attack} videos` : `${subjects} subjects`;
  return `${synthetic ? 'SYNTHETIC, ' : ''}${at} on ${data.name} (${data.letter}), ${who}, ${date}`;
}
