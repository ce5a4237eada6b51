/** The developers' fixtures with the default algorithm of convolutions, as `npm run parity -- test/fixtures --conv-algorithm auto`. */
import { expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { fixtureSets } from './folders.js';
import { networkNames } from './networks.js';
import { operatorNames } from './operators.js';
import { runCase } from './runCase.js';

const device = openDevice('cpu', { convAlgorithm: 'auto' });

for (const set of fixtureSets) {
  for (const fixture of set.cases.filter(({ op }) => operatorNames.has(op) || networkNames.has(op))) {
    it(fixture.id, async () => expect(await runCase(set, fixture, device)).toMatchObject({ status: 'passed' }));
  }
}
