/**
 * Which kernels a small step of everything launches, and what bits they compute, is what replay.txt says: a change of the program that is to
 * change neither leaves the file as it is. One that is to: `npx vitest run --project fast test/bench/replay.test.ts --update`, and the file's
 * lines show the kernels; `npm run bench -- replay ldcnet-train` here and before shows the calls.
 */
import { expect, it } from 'vitest';
import { replay, replayBatch, replayed, replaySize, summary } from '../../experiments/bench/replay.js';
import { openDevice } from '../../src/engine/device.js';
import { availableIsas, deviceWith } from '../engine/isas.js';

/** Without instructions for products of bf16, which round in a way of their own; the others agree in bits (operations.test.ts). */
const isa = availableIsas().findLast((name) => name === 'avx2' || name === 'scalar')!;

it('launches the kernels of replay.txt, and they compute its bits', { timeout: 5 * 60_000 }, async () => {
  const parts = [];
  for (const precision of ['fp32', 'bf16'] as const) {
    for (const workload of replayed) {
      const launches = await replay(workload, deviceWith(isa, { precision, threads: 2 }));
      parts.push(`${workload}, ${precision}: ${launches.length - 1} launches\n${summary(launches)}\n`);
    }
  }
  const head = `# A step of ${replayBatch} rows of ${replaySize} pixels: test/bench/replay.test.ts says how this is read and renewed.\n`;
  await expect([head, ...parts].join('\n')).toMatchFileSnapshot('replay.txt');
});

it('sees one number that is another, and says in which kernel', async () => {
  const launches = await replay('erm-train', openDevice('cpu'));
  const place = launches.findIndex(({ kernel }) => kernel === 'sgd');
  const changed = launches.map((each, i) => (i === place ? { ...each, call: each.call.replace('0.9', '0.91') } : each));
  const [before, after] = [launches, changed].map((each) => summary(each).split('\n'));
  const different = before!.filter((line, i) => line !== after![i]);
  expect(different).toHaveLength(1);
  expect(different[0]).toMatch(/^sgd +1 /);
});
