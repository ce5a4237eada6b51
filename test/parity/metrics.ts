/** Cases of evaluation metrics. */
import { toFloat32 } from '../../src/formats/safetensors.js';
import { fixtureMetrics } from '../evaluate/fixtureMetrics.js';
import type { Check } from './compare.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';

/** @throws UserError for scores that cannot be evaluated */
export async function checkMetrics(set: FixtureSet, fixture: FixtureCase): Promise<Check[]> {
  const score = toFloat32(await set.tensor(fixture, fixture.inputs.score!));
  const label = Array.from((await set.tensor(fixture, fixture.inputs.label!)).data, Number);
  const got = fixtureMetrics(score, label, fixture.attrs.hter_threshold as number);
  return Object.entries(fixture.values ?? {}).map(([name, want]) => {
    const value = got[name];
    const limit = fixture.atol + fixture.rtol * Math.abs(want ?? 0);
    if (want === null || value === null || value === undefined) {
      return { what: name, error: value === want ? 0 : Number.POSITIVE_INFINITY, limit };
    }
    return { what: name, error: Math.abs(value - want), limit };
  });
}
