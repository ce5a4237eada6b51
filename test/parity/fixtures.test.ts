/** The developers' fixtures on the CPU, as `npm run parity -- test/fixtures` runs them, and the rivals'. */
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { fixtureSets } from './folders.js';
import { runCase } from './runCase.js';

const device = openDevice('cpu', { convAlgorithm: 'direct' });

for (const set of fixtureSets) {
  for (const fixture of set.cases) {
    it(fixture.id, async () => {
      const before = device.memory().tensors;
      const outcome = await runCase(set, fixture, device);
      expect(outcome).toMatchObject({ status: 'passed' });
      expect(device.memory().tensors, 'tensors left behind').toBe(before);
    });
  }
}

it('an op that nothing runs fails', async () => {
  const unknown = { ...fixtureSets[1]!.cases[0]!, op: 'mystery' };
  expect(await runCase(fixtureSets[1]!, unknown, device)).toEqual({
    status: 'failed',
    detail: 'nothing here runs mystery',
  });
});
