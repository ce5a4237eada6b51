/**
 * Reverse-mode automatic differentiation: the tape remembers what forward operations did, `backward` walks it in reverse.
 *
 * An operation calls its forward kernels and returns `record(output, inputs, saved, backward)`. The tape retains what
 * `backward` will read (`saved`) and lets go of it as soon as the walk has passed, so that memory falls while gradients are computed.
 */
import { Keeping } from './keeping.js';
import { emptyLike, outsideScopes, scope, type Tensor } from './tensor.js';

/** One gradient an input, in the order of the inputs; undefined for an input that needs none. */
type Backward = (upstream: Tensor) => readonly (Tensor | undefined)[];

interface Node {
  output: Tensor;
  inputs: readonly Tensor[];
  saved: readonly Tensor[];
  backward: Backward;
  /** Of the layer, while profiling. */
  label: string;
}

let nodes: Node[] | undefined;
let keeping = new Keeping();

/** Whether operations are being recorded. */
export function recording(): boolean {
  return nodes !== undefined;
}

/** Whether an operation on these inputs will be differentiated: backward-only outputs need to be made only then. */
export function needsGrad(...inputs: readonly (Tensor | undefined)[]): boolean {
  return recording() && inputs.some((input) => input?.requiresGrad);
}

/**
 * Puts one operation on the tape, if gradients flow through it. Returns `output`.
 * @param saved what `backward` reads, inputs and the output among them; of the others it may use the shape alone
 */
export function record(
  output: Tensor,
  inputs: readonly Tensor[],
  saved: readonly Tensor[],
  backward: Backward,
): Tensor {
  if (nodes === undefined || !needsGrad(...inputs)) return output;
  output.requiresGrad = true;
  for (const tensor of saved) keeping.keep(tensor);
  nodes.push({ output, inputs, saved, backward, label: output.device.currentLabel });
  return output;
}

/**
 * Records the operations of `body`, which calls `backward` when it wants gradients, and forgets the tape at its end.
 * `body` is synchronous; results are read afterwards. Throws Error inside of another tape.
 */
export function withTape<T>(body: () => T): T {
  if (nodes !== undefined) throw new Error('tapes do not nest');
  nodes = [];
  keeping = new Keeping();
  try {
    return body();
  } finally {
    for (const node of nodes) forget(node);
    nodes = undefined;
  }
}

/**
 * Walks the tape from `outputs` and leaves gradients in `grad` of every leaf in `leaves`; previous gradients are replaced.
 * Without an upstream gradient an output is differentiated as it stands (upstream 1: a scalar loss).
 * The caller owns the gradients (`clearGrads`).
 */
export function backward(outputs: readonly { tensor: Tensor; upstream?: Tensor }[], leaves: readonly Tensor[]): void {
  if (nodes === undefined) throw new Error('backward() needs a tape');
  const walked = nodes;
  nodes = undefined; // the kernels of the walk are not recorded
  const wanted = new Set(leaves);
  const gradients = new Map<Tensor, Tensor>();
  try {
    outsideScopes(() => {
      for (const { tensor, upstream } of outputs) accumulate(gradients, tensor, upstream?.retain() ?? ones(tensor));
      while (walked.length > 0) {
        const node = walked[walked.length - 1]!;
        const { output, inputs } = node;
        output.device.label(node.label);
        const upstream = gradients.get(output);
        if (upstream !== undefined) {
          // An operation may write over an upstream that is not shared.
          if (wanted.has(output)) upstream.retain();
          for (const tensor of node.saved) keeping.want(tensor);
          const produced = scope(() => node.backward(upstream));
          produced.forEach((gradient, i) => {
            if (gradient !== undefined) accumulate(gradients, inputs[i]!, gradient);
          });
          if (!wanted.has(output)) gradients.delete(output);
          upstream.release();
        }
        forget(node);
        walked.pop();
      }
      leaves[0]?.device.label('');
      for (const leaf of leaves) {
        leaf.grad?.release();
        leaf.grad = gradients.get(leaf);
        gradients.delete(leaf);
      }
    });
  } finally {
    // Gradients of what nobody asked for; after an error, all that there are.
    for (const unused of gradients.values()) unused.release();
    nodes = walked;
  }
}

/** Releases the gradients that `backward` left. */
export function clearGrads(leaves: Iterable<Tensor>): void {
  for (const leaf of leaves) {
    leaf.grad?.release();
    leaf.grad = undefined;
  }
}

/** Adds `gradient`, which the caller gives away, to what flows to `tensor` so far. */
function accumulate(gradients: Map<Tensor, Tensor>, tensor: Tensor, gradient: Tensor): void {
  const sum = gradients.get(tensor);
  if (sum === undefined) {
    gradients.set(tensor, gradient);
    return;
  }
  const { native } = tensor.device;
  if (!sum.shared) {
    native.accumulate(gradient.handle, sum.handle);
    gradient.release();
    return;
  }
  // Another tensor's gradient as well (an operation that hands its upstream on): it must stay as it is.
  const total = emptyLike(sum);
  native.add(sum.handle, gradient.handle, total.handle);
  sum.release();
  gradient.release();
  gradients.set(tensor, total);
}

function ones(tensor: Tensor): Tensor {
  const result = emptyLike(tensor);
  tensor.device.native.fill(result.handle, 1);
  return result;
}

function forget(node: Node): void {
  for (const tensor of node.saved) keeping.forget(tensor);
}
