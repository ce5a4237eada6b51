/** Feeds mutants to one target and keeps count. The seed and the number of an input make it again. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mutate, randomFrom } from './mutate.js';
import { isMeant, type Target } from './targets.js';

export interface Count {
  inputs: number;
  refused: number;
  slowestMs: number;
  /** Bytes of resident memory above what there was before. */
  growth: number;
}

/** @throws Error naming the input that was answered with anything but a result or an error meant for the user */
export async function fuzz(
  target: Target,
  folder: string,
  seed: number,
  inputs: number,
  onInput: (number: number) => unknown = () => {},
): Promise<Count> {
  const path = join(folder, target.file);
  const before = process.memoryUsage.rss();
  const count: Count = { inputs, refused: 0, slowestMs: 0, growth: 0 };
  for (let k = 0; k < inputs; k++) {
    onInput(k);
    const random = randomFrom(seed * 1_000_003 + k);
    const pick = () => target.seeds[random(target.seeds.length)]!;
    const mutant = mutate(pick(), pick(), random);
    writeFileSync(path, mutant);
    const start = performance.now();
    try {
      await target.read(path);
    } catch (error) {
      if (!isMeant(error)) throw new Error(`${target.name}, seed ${seed}, input ${k}: ${error}`, { cause: error });
      count.refused++;
    }
    count.slowestMs = Math.max(count.slowestMs, performance.now() - start);
    if (k % 64 === 0 || k === inputs - 1) count.growth = Math.max(count.growth, process.memoryUsage.rss() - before);
  }
  return count;
}
