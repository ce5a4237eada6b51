/** Runs one fixture case of any kind and says how it went. */
import { messageOf, UserError } from '../../src/base/errors.js';
import type { Device } from '../../src/engine/device.js';
import { type Check, compareCase, holds, type Results, usedUp } from './compare.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';
import { functionNames, runFunction } from './hostFunctions.js';
import { checkMetrics } from './metrics.js';
import { networkNames, runNetwork } from './networks.js';
import { operatorNames, runOperator } from './operators.js';
import { optimizerNames, runOptimizer } from './optimizers.js';
import { checkReader, readerNames } from './readers.js';

export interface Outcome {
  status: 'passed' | 'failed';
  /** For people: the tightest check, or what failed. */
  detail: string;
}

export async function runCase(set: FixtureSet, fixture: FixtureCase, device: Device): Promise<Outcome> {
  try {
    const check = checker(set, fixture, device);
    if (check === undefined) return { status: 'failed', detail: `nothing here runs ${fixture.op}` };
    if (fixture.expect_error) return await refusal(fixture, check);
    return judge(await check());
  } catch (error) {
    return { status: 'failed', detail: `threw: ${messageOf(error)}` };
  }
}

function checker(set: FixtureSet, fixture: FixtureCase, device: Device): (() => Promise<Check[]>) | undefined {
  const compared = (run: (set: FixtureSet, fixture: FixtureCase, device: Device) => Promise<Results>) => async () =>
    compareCase(set, fixture, await run(set, fixture, device), device.convAlgorithm);
  if (operatorNames.has(fixture.op)) return compared(runOperator);
  if (functionNames.has(fixture.op)) return compared(runFunction);
  if (optimizerNames.has(fixture.op)) return compared(runOptimizer);
  if (networkNames.has(fixture.op)) return compared(runNetwork);
  if (fixture.op === 'metrics') return () => checkMetrics(set, fixture);
  if (readerNames.has(fixture.op)) return () => checkReader(set, fixture);
  return undefined;
}

/** The operation must fail with an error meant for the user: anything else is an accident. */
async function refusal(fixture: FixtureCase, check: () => Promise<unknown>): Promise<Outcome> {
  try {
    await check();
  } catch (error) {
    const status = error instanceof UserError ? 'passed' : 'failed';
    return { status, detail: `refused: ${messageOf(error)}` };
  }
  return { status: 'failed', detail: `was not refused (${fixture.why})` };
}

function judge(checks: readonly Check[]): Outcome {
  const broken = checks.filter((check) => !holds(check));
  if (checks.length === 0) return { status: 'failed', detail: 'the case expects nothing' };
  if (broken.length > 0) {
    const list = broken
      .slice(0, 5)
      .map(({ what, error, limit }) => `${what}: error ${short(error)}, limit ${short(limit)}`);
    const more = broken.length > list.length ? `; ${broken.length - list.length} more` : '';
    return { status: 'failed', detail: `${broken.length} of ${checks.length} checks: ${list.join('; ')}${more}` };
  }
  const tightest = checks.reduce((worst, check) => (usedUp(check) > usedUp(worst) ? check : worst));
  if (usedUp(tightest) === 0) return { status: 'passed', detail: 'exact' };
  return { status: 'passed', detail: `at most ${(100 * usedUp(tightest)).toFixed(1)} % of a limit (${tightest.what})` };
}

function short(value: number): string {
  return value.toPrecision(3);
}
