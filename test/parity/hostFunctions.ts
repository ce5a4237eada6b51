/** Cases of what the host computes: schedules, and the boxes of random crops. */
import { resizedCropBox } from '../../src/data/augmentation.js';
import { phases, reversal, type Schedule, steps } from '../../src/engine/optim/schedules.js';
import type { Results } from './compare.js';
import { expectAttr } from './expectAttr.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';

type Attributes = Record<string, unknown>;

const functions: Record<string, (inputs: Record<string, number[]>, attrs: Attributes) => Record<string, number[]>> = {
  grl_coefficient({ iteration }, attrs) {
    const { alpha, low, high, max_iter: length } = attrs as Record<string, number>;
    return { coefficient: iteration!.map(reversal({ length: length!, alpha, low, high })) };
  },
  lr_schedule({ iteration, epoch }, attrs) {
    return { lr: (iteration ?? epoch)!.map(scheduleOf(attrs)) };
  },
  resized_crop_box({ draws }, attrs) {
    expectAttr(attrs, 'ratio', [1, 1]);
    const { height, width, scale, attempts } = attrs as {
      height: number;
      width: number;
      scale: [number, number];
      attempts: number;
    };
    const rows = Array.from({ length: attempts }, (_, i) => draws!.slice(3 * i, 3 * i + 3) as [number, number, number]);
    return { box: [...resizedCropBox(rows, height, width, scale)] };
  },
};

function scheduleOf(attrs: Attributes): Schedule {
  const numbers = attrs as Record<string, number>;
  if (attrs.kind === 'step') return steps(numbers.base_lr!, { every: numbers.step_size!, gamma: numbers.gamma! });
  if (attrs.kind !== 'ssdg') throw new Error(`there is no schedule ${attrs.kind}`);
  const ends = [numbers.lr_epoch_1!, numbers.lr_epoch_2!];
  return phases(numbers.init_lr!, { ends, length: numbers.iterations_per_epoch! });
}

export const functionNames: ReadonlySet<string> = new Set(Object.keys(functions));

export async function runFunction(set: FixtureSet, fixture: FixtureCase): Promise<Results> {
  const inputs: Record<string, number[]> = {};
  for (const [name, key] of Object.entries(fixture.inputs)) {
    inputs[name] = Array.from((await set.tensor(fixture, key)).data as Iterable<number | bigint>, Number);
  }
  const made = Object.entries(functions[fixture.op]!(inputs, fixture.attrs));
  return { outputs: Object.fromEntries(made.map(([name, data]) => [name, { shape: [data.length], data }])), grads: {} };
}
