import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { readSafetensors, toFloat32 } from '../../src/formats/safetensors.js';
import { fixtureMetrics } from './fixtureMetrics.js';

interface MetricsCase {
  id: string;
  op: string;
  attrs: { hter_threshold: number };
  file: string;
  inputs: { score: string; label: string };
  rtol: number;
  atol: number;
  values?: Record<string, number | null>;
  expect_error?: boolean;
}

const folder = new URL('../fixtures/', import.meta.url).pathname;
const cases: MetricsCase[] = JSON.parse(readFileSync(`${folder}manifest.json`, 'utf8')).cases.filter(
  (fixture: MetricsCase) => fixture.op === 'metrics',
);

describe('metrics fixtures', () => {
  it('are there', () => expect(cases.length).toBeGreaterThan(10));

  it.each(cases)('$id', async (fixture) => {
    const tensors = await readSafetensors(folder + fixture.file);
    const score = toFloat32(await tensors.tensor(fixture.inputs.score));
    const label = Array.from((await tensors.tensor(fixture.inputs.label)).data, Number);
    const compute = () => fixtureMetrics(score, label, fixture.attrs.hter_threshold);
    if (fixture.expect_error) {
      expect(compute).toThrow(UserError);
      return;
    }
    const got = compute();
    expect(Object.keys(got).sort()).toEqual(Object.keys(fixture.values!).sort());
    for (const [name, want] of Object.entries(fixture.values!)) {
      if (want === null) expect(got[name], name).toBeNull();
      else expect(Math.abs(got[name]! - want), name).toBeLessThanOrEqual(fixture.atol + fixture.rtol * Math.abs(want));
    }
  });
});
