/** The developers' fixtures: those of the engine and LDCNet, and those of the rivals. */
import { fileURLToPath } from 'node:url';
import { type FixtureSet, openFixtures } from './fixtureSet.js';

export const fixtureFolders = ['fixtures', 'fixtures-methods'].map((name) =>
  fileURLToPath(new URL(`../${name}`, import.meta.url)),
);

export const fixtureSets: readonly FixtureSet[] = await Promise.all(fixtureFolders.map(openFixtures));
