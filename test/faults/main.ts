/** `npm run faults -- [--points N] [--seed S] [--only NAME]`: the long form of the fault injection. */
import { parseArgs } from 'node:util';
import { harness } from './harness.js';

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '240' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
  },
});
const say = (text: string) => process.stdout.write(`${text}\n`);
const tallies = await harness(Number(values.points), Number(values.seed), values.only, say);
const sum = (of: (tally: (typeof tallies)[number]) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
const lost = sum(({ lost }) => lost.length);
say(
  `${sum(({ kills }) => kills)} kills, ${sum(({ damages }) => damages)} damaged files, ${sum(({ fullDisks }) => fullDisks)} full disks; lost: ${lost}`,
);
process.exitCode = lost === 0 ? 0 : 1;
