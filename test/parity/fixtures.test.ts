/** The developers' fixtures on the CPU, as `npm run parity -- test/fixtures` runs them. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { openFixtures } from './fixtureSet.js';
import { runCase } from './runCase.js';

const set = await openFixtures(fileURLToPath(new URL('../fixtures', import.meta.url)));
const device = openDevice('cpu', { convAlgorithm: 'direct' });

for (const fixture of set.cases) {
  it(fixture.id, async ({ skip }) => {
    const before = device.memory().tensors;
    const outcome = await runCase(set, fixture, device);
    skip(outcome.status === 'skipped', outcome.detail);
    expect(outcome).toMatchObject({ status: 'passed' });
    expect(device.memory().tensors, 'tensors left behind').toBe(before);
  });
}
