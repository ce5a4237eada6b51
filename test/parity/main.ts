/** `npm run parity -- DIR`: runs a folder of parity fixtures through the engine. */
import { parseArgs } from 'node:util';
import { messageOf, UserError } from '../../src/base/errors.js';
import { openDevice } from '../../src/engine/device.js';
import { type ConvAlgorithm, convAlgorithms } from '../../src/engine/native.js';
import { openEmulated } from '../native/cuda/emulated.js';
import { winogradShareOfRms } from './compare.js';
import { openFixtures } from './fixtureSet.js';
import { type Outcome, runCase } from './runCase.js';

const usage =
  'npm run parity -- DIR [--device cpu|cuda|cuda-emulated] [--only OP] [--conv-algorithm direct|winograd|auto]';

/** Returns the exit status: 0 when nothing failed. */
async function main(): Promise<number> {
  const { folder, deviceName, only, algorithm } = readArguments();
  const set = await openFixtures(folder);
  const cases = set.cases.filter(({ op }) => only === undefined || op === only);
  if (cases.length === 0) throw new UserError(`${folder} has no case with op '${only}'`);
  const device =
    deviceName === 'cuda-emulated'
      ? openEmulated({ convAlgorithm: algorithm, checks: false }) // ldc_check_emulated follows shared memory, operator by operator
      : openDevice(deviceName, { convAlgorithm: algorithm, precision: 'fp32' });
  console.log(`set ${set.name}: ${cases.length} cases on ${device.description}; convolutions ${algorithm}`);
  if (algorithm !== 'direct') {
    console.log(
      `tolerance of single convolutions, outputs and gradients: largest error <= ${winogradShareOfRms} x rms of the tensor`,
    );
  }
  const counts: Record<Outcome['status'], number> = { passed: 0, failed: 0 };
  for (const fixture of cases) {
    const { status, detail } = await runCase(set, fixture, device);
    counts[status]++;
    console.log(`${status.padEnd(7)} ${fixture.id}  ${detail}`);
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0 ? 0 : 1;
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      device: { type: 'string', default: 'cpu' },
      only: { type: 'string' },
      'conv-algorithm': { type: 'string', default: 'direct' },
    },
  });
  const algorithm = values['conv-algorithm'];
  if (positionals.length !== 1) throw new UserError('one folder of fixtures is needed', usage);
  if (!(algorithm in convAlgorithms)) throw new UserError(`there is no convolution algorithm '${algorithm}'`, usage);
  return {
    folder: positionals[0]!,
    deviceName: values.device,
    only: values.only,
    algorithm: algorithm as ConvAlgorithm,
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  const hint = error instanceof UserError && error.hint !== undefined ? `\n${error.hint}` : '';
  console.error(`${messageOf(error)}${hint}`);
  process.exitCode = error instanceof UserError ? 2 : 1;
}
