/** What the tape promises: sums over all uses, nothing kept that is not needed, clear errors. */
import { beforeEach, describe, expect, it } from 'vitest';
import { openDevice } from '../../src/engine/device.js';
import { batchNorm } from '../../src/engine/ops/batchNorm.js';
import { add, mask, relu, scale } from '../../src/engine/ops/elementwise.js';
import { linear } from '../../src/engine/ops/linear.js';
import { mse } from '../../src/engine/ops/losses.js';
import { backward, clearGrads, needsGrad, recording, withTape } from '../../src/engine/tape.js';
import { features, scope, type Tensor, tensor, zeros } from '../../src/engine/tensor.js';
import { uniform } from './helpers.js';

const device = openDevice('cpu', { threads: 1 });
let x: Tensor;

/** A vector that learns. */
function leaf(...values: number[]): Tensor {
  const made = tensor(device, values, [values.length]);
  made.requiresGrad = true;
  return made;
}

beforeEach(() => {
  x = leaf(1, -2, 3);
});

async function gradientOf(body: () => Tensor, of: Tensor = x): Promise<number[] | undefined> {
  withTape(() => backward([{ tensor: body() }], [of]));
  return of.grad && [...(await of.grad.read())];
}

describe('gradients', () => {
  it('add up over all uses of a tensor', async () => {
    expect(await gradientOf(() => add(scale(x, 2), add(x, scale(x, 5))))).toEqual([8, 8, 8]);
    expect(await gradientOf(() => add(x, x))).toEqual([2, 2, 2]);
  });

  it('stay apart where an operation hands one upstream to two inputs', async () => {
    const z = leaf(4, 5, 6);
    const grads = () =>
      withTape(() => {
        const sum = add(x, z);
        backward([{ tensor: add(add(sum, x), scale(sum, 10)) }], [x, z]);
      });
    grads();
    expect([...(await x.grad!.read())]).toEqual([12, 12, 12]);
    expect([...(await z.grad!.read())]).toEqual([11, 11, 11]);
  });

  it('are those of the upstream given, which the caller keeps', async () => {
    const upstream = tensor(device, [1, 10, 100], [3]);
    withTape(() => {
      const y = scale(x, 3);
      backward([{ tensor: y, upstream }, { tensor: x }], [x]);
    });
    expect([...(await x.grad!.read())]).toEqual([4, 31, 301]);
    expect([...(await upstream.read())]).toEqual([1, 10, 100]);
  });

  it('reach a tensor between, when asked for', async () => {
    const between: { y?: Tensor } = {};
    withTape(() => {
      between.y = scale(x, 3);
      backward([{ tensor: scale(between.y, 5) }], [between.y, x]);
    });
    expect([...(await between.y!.grad!.read())]).toEqual([5, 5, 5]);
    expect([...(await x.grad!.read())]).toEqual([15, 15, 15]);
  });

  it('are undefined where nothing depends on the tensor, and replaced by the next walk', async () => {
    expect(await gradientOf(() => scale(leaf(7), 2))).toBeUndefined();
    expect(await gradientOf(() => scale(x, 2))).toEqual([2, 2, 2]);
    expect(await gradientOf(() => scale(x, 3))).toEqual([3, 3, 3]);
    expect(await gradientOf(() => scale(leaf(7), 2))).toBeUndefined();
  });

  it('do not flow into what is constant', async () => {
    const constant = tensor(device, [1, 2, 3], [3]);
    expect(await gradientOf(() => add(scale(constant, 2), constant), constant)).toBeUndefined();
    expect(await gradientOf(() => mask(x, constant), constant)).toBeUndefined();
  });

  it('come once from one tape', () => {
    withTape(() => {
      const y = scale(x, 2);
      backward([{ tensor: y }], [x]);
      backward([{ tensor: y }], [x]);
    });
    expect(x.grad).toBeUndefined();
  });
});

describe('memory', () => {
  const live = () => device.memory().live;

  it('is back where it was after forward, backward and clearGrads', () => {
    const before = device.memory();
    scope(() => withTape(() => backward([{ tensor: relu(add(scale(x, 2), x)) }], [x])));
    expect(device.memory().tensors).toBe(before.tensors + 1);
    clearGrads([x]);
    expect(device.memory()).toMatchObject({ live: before.live, tensors: before.tensors });
  });

  it('is freed while the walk passes', () => {
    const wide = tensor(device, new Float32Array(1024), [1024]);
    wide.requiresGrad = true;
    const before = live();
    const kept: number[] = [];
    scope(() =>
      withTape(() => {
        // Each keeps its mask and its output for the backward pass.
        const chain = () =>
          Array.from({ length: 20 }).reduce((y: Tensor) => scope(() => relu(mask(y, zeros(device, [1024])))), wide);
        const y = scope(chain);
        kept.push(live() - before);
        backward([{ tensor: y }], [wide]);
        kept.push(live() - before);
      }),
    );
    const vector = 4 * 1024;
    // Kept: mask and output of 20 layers, not the product, which nothing reads again. After the walk: the last output, which its scope still owns, and the gradient.
    expect(kept).toEqual([40 * vector, 2 * vector]);
    clearGrads([wide]);
    expect(live()).toBe(before);
  });

  it('holds no tape for what needs no gradient', () => {
    const constant = tensor(device, [1], [1]);
    withTape(() => {
      const before = device.memory().tensors;
      const y = scope(() => relu(scale(constant, 2)));
      expect(y.requiresGrad).toBe(false);
      expect(device.memory().tensors).toBe(before + 1);
    });
  });

  it('is freed when the forward or the backward pass throws', () => {
    const before = device.memory();
    const failing = () => {
      relu(scale(x, 2));
      throw new Error('on the way');
    };
    expect(() => scope(() => withTape(failing))).toThrow('on the way');
    const wrong = tensor(device, [1, 2], [2]);
    const mismatched = () =>
      scope(() => withTape(() => backward([{ tensor: relu(scale(x, 2)), upstream: wrong }], [x])));
    expect(mismatched).toThrow(/relu_backward/);
    wrong.release();
    expect(device.memory()).toMatchObject({ live: before.live, tensors: before.tensors });
    expect(recording()).toBe(false);
  });
});

describe('recipes', () => {
  const wide = [2, 16, 8, 8];
  const channels = () => tensor(device, uniform(16, 3), [16]);
  const state = { gamma: leaf(...uniform(16, 1)), beta: leaf(...uniform(16, 2)) };
  const image = features(device, uniform(2 * 16 * 64, 4), wide);
  image.requiresGrad = true;
  const leaves = [image, state.gamma, state.beta];

  /** Two normalisations, the second with a shortcut that is one as well, and what reads their outputs again. */
  function network(recompute: boolean): Tensor {
    return scope(() => {
      const running = { ...state, runningMean: channels(), runningVar: channels() };
      const norm = (x: Tensor, residual?: Tensor) =>
        scope(() => batchNorm(x, running, { training: true, relu: residual !== undefined, residual, recompute }));
      const first = relu(norm(image));
      const second = norm(relu(first), norm(first));
      return relu(norm(second, first));
    });
  }

  /** Bytes live between the passes, and all gradients. */
  async function run(recompute: boolean) {
    const before = device.memory();
    let kept = 0;
    scope(() =>
      withTape(() => {
        const y = network(recompute);
        kept = device.memory().live - before.live;
        backward([{ tensor: y }], leaves);
      }),
    );
    const gradients = await Promise.all(leaves.map(async ({ grad }) => [...(await grad!.read())]));
    clearGrads(leaves);
    expect(device.memory()).toMatchObject({ live: before.live, tensors: before.tensors });
    return { kept, gradients };
  }

  it('give the same gradients from less memory', async () => {
    const [keeping, recomputing] = [await run(false), await run(true)];
    expect(recomputing.gradients).toEqual(keeping.gradients);
    expect(recomputing.kept).toBeLessThan(keeping.kept);
  });

  it('leave nothing behind when there is no backward pass, or it fails', () => {
    const before = device.memory();
    scope(() => void withTape(() => network(true)));
    expect(device.memory()).toMatchObject({ live: before.live, tensors: before.tensors });
    const wrong = tensor(device, [1], [1]);
    expect(() => scope(() => withTape(() => backward([{ tensor: network(true), upstream: wrong }], leaves)))).toThrow();
    wrong.release();
    expect(device.memory()).toMatchObject({ live: before.live, tensors: before.tensors });
  });

  it('serve tensors that are gone, once', () => {
    expect(() => image.restore()).toThrow('cannot be restored');
    const y = scope(() => tensor(device, [1], [1]));
    y.release();
    expect(() => y.restore()).toThrow('cannot be restored');
  });
});

describe('misuse', () => {
  it('is refused', () => {
    expect(() => withTape(() => withTape(() => 0))).toThrow('tapes do not nest');
    expect(recording()).toBe(false);
    expect(() => backward([{ tensor: x }], [x])).toThrow('needs a tape');
    expect(needsGrad(x)).toBe(false);
    withTape(() => expect([needsGrad(x), needsGrad(undefined)]).toEqual([true, false]));
  });

  it('of freed tensors is refused', async () => {
    const y = scale(x, 2);
    y.release();
    expect(y.freed).toBe(true);
    expect(() => scale(y, 2)).toThrow('used after it was freed');
    expect(() => y.set([1, 2, 3])).toThrow('used after it was freed');
    await expect(y.read()).rejects.toThrow('used after it was freed');
    expect(() => y.release()).toThrow('released more often');
  });

  it('of shapes is refused', async () => {
    expect(() => add(x, leaf(1))).toThrow(/\[1\]/);
    expect(() => x.set([1, 2])).toThrow('do not fill');
    expect(() => linear(zeros(device, [2, 3]), zeros(device, [4, 2]))).toThrow(/is needed/);
    expect(() => mse(zeros(device, [2, 3]), zeros(device, [3, 2]))).toThrow();
    expect(() => zeros(device, [2, 0])).toThrow('at least one element');
    await expect(x.item()).rejects.toThrow('shape [3]');
  });
});

describe('scopes', () => {
  it('free all but what they return, wherever it is in the result', () => {
    const before = device.memory().tensors;
    const made: Tensor[] = [];
    const make = () => {
      made.push(tensor(device, [1], [1]));
      return made[made.length - 1]!;
    };
    const kept = scope(() => {
      make();
      return { one: make(), list: [make(), { deep: scope(() => [make(), make()]) }] };
    });
    expect(made.map(({ freed }) => freed)).toEqual([true, false, false, false, false]);
    expect(device.memory().tensors).toBe(before + 4);
    kept.one.release();
    for (const each of made.slice(2)) each.release();
    expect(device.memory().tensors).toBe(before);
  });

  it('free everything when the body throws', () => {
    const before = device.memory().tensors;
    const body = () => {
      scope(() => tensor(device, [1], [1]));
      tensor(device, [1, 2], [3]);
    };
    expect(() => scope(body)).toThrow('do not fill');
    expect(device.memory().tensors).toBe(before);
  });

  it('leave what someone else retains', () => {
    const retained = scope(() => {
      const y = tensor(device, [1], [1]).retain();
      return () => y;
    })();
    expect(retained.freed).toBe(false);
    retained.release();
    expect(retained.freed).toBe(true);
  });
});
