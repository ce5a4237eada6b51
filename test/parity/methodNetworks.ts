/** Cases of the rivals' whole networks (test/fixtures-methods): outputs in evaluation, and steps of training. */
import type { Device } from '../../src/engine/device.js';
import { Module } from '../../src/engine/nn/module.js';
import { mask } from '../../src/engine/ops/elementwise.js';
import { Sgd } from '../../src/engine/optim/optimizers.js';
import { reversal } from '../../src/engine/optim/schedules.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { scope, type Tensor } from '../../src/engine/tensor.js';
import { ermLoss } from '../../src/method/erm/losses.js';
import { ErmNet } from '../../src/method/erm/network.js';
import { safasLoss } from '../../src/method/safas/losses.js';
import { SafasNet, safasScore } from '../../src/method/safas/network.js';
import { ssdgLoss } from '../../src/method/ssdg/losses.js';
import { Discriminator, SsdgNet } from '../../src/method/ssdg/network.js';
import type { Results, Values } from './compare.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';
import { dropoutMask, imageOf, loadGenerated, readEntry, summaries } from './generatedNetworks.js';
import type { Runner } from './networks.js';

/** One pass of a training step: tensors by the names of the fixtures; a list stands for columns. */
interface Pass {
  outputs: Record<string, Tensor | Tensor[]>;
  /** By column of `loss_terms`; the first is differentiated. */
  terms: Record<string, Tensor>;
}

/** What differs between the methods. */
interface Trained {
  /** All that learns. */
  network: Module<never, unknown>;
  pass(image: Tensor, step: number): Pass;
  /** After an update; the mean cosine of the heads before, where there is an alignment. */
  afterUpdate?(): Tensor | undefined;
  /** Entries read after the first forward pass, and after the first update: name of the result, names of the entries. */
  afterForward?: Record<string, string[]>;
  afterUpdateEntries?: Record<string, string[]>;
  dispose(): void;
}

type Numbers = Record<string, number>;
type Lists = Record<string, number[]>;

/** A network and a second one under a name. */
class Pair extends Module<[], void> {
  constructor(device: Device, first: Module<never, unknown>, name: string, second: Module<never, unknown>) {
    super(device);
    this.child('', first);
    this.child(name, second);
  }

  protected override compute(): void {}
}

const trainings: Record<string, (set: FixtureSet, fixture: FixtureCase, device: Device) => Trained> = {
  erm_train(_, { attrs }, device) {
    const network = new ErmNet(device, { seed: null });
    return {
      network,
      pass(image) {
        const { logits, feature } = network.forward(image);
        return {
          outputs: { logits, feature },
          terms: { total: ermLoss({ logits, feature }, (attrs as Lists).label!).loss },
        };
      },
      dispose() {},
    };
  },

  ssdg_train(set, fixture, device) {
    const { label, domain, grl_iterations: iterations } = fixture.attrs as Lists;
    const { margin, lambda_triplet: lambdaTriplet, lambda_domain: lambdaDomain } = fixture.attrs as Numbers;
    const network = new SsdgNet(device, { seed: null });
    const sources = rowsOf(set, fixture, 'discriminator.fc2.weight');
    const discriminator = new Discriminator(device, { seed: null, sources });
    const [keep, keepHidden] = [dropoutMask(set, fixture, device), dropoutMask(set, fixture, device, 'dropout_domain')];
    const coefficient = reversal({ length: 4000 });
    return {
      network: new Pair(device, network, 'discriminator', discriminator),
      pass(image, step) {
        const output = network.forward(image, (feature) => mask(feature, keep));
        const reversed = {
          coefficient: coefficient(iterations![step]!),
          drop: (hidden: Tensor) => mask(hidden, keepHidden),
        };
        const {
          loss,
          ce,
          triplet,
          domain: source,
          domainLogits,
        } = ssdgLoss(output, { classes: label!, domains: domain! }, (rows) => discriminator.forward(rows, reversed), {
          lambdaTriplet: lambdaTriplet!,
          lambdaDomain: lambdaDomain!,
          margin: margin!,
          squared: false,
        });
        return {
          outputs: { ...output, domain_logits: domainLogits },
          terms: { total: loss, cls: ce, triplet, domain: source },
        };
      },
      afterForward: { classifier_weight_after_forward: ['classifier.classifier_layer.weight'] },
      dispose() {
        keep.release();
        keepHidden.release();
      },
    };
  },

  safas_train(set, fixture, device) {
    const { attrs } = fixture;
    const { label, domain } = attrs as Lists;
    const {
      views,
      alpha,
      supcon_weight: supconWeight,
      temperature,
      base_temperature: baseTemperature,
    } = attrs as Numbers;
    const heads = headsOf(set, fixture);
    const network = new SafasNet(device, { heads, seed: null });
    const repeated = (list: number[]) => Array.from({ length: views! }, () => list).flat();
    const targets = { classes: repeated(label!), domains: repeated(domain!) };
    const options = { supconWeight: supconWeight!, temperature: temperature!, baseTemperature: baseTemperature! };
    return {
      network,
      pass(image) {
        const output = network.forward(image);
        const { loss, bce, perHead, supcon } = safasLoss(output, targets, options);
        const columns = Object.fromEntries(perHead.map((term, k) => [`cls${k}`, term]));
        return {
          outputs: { feature: output.feature, head_logits: output.headLogits },
          terms: { total: loss, ...(loss === bce ? {} : { cls: bce }), ...columns, ...(supcon && { supcon }) },
        };
      },
      afterUpdate: () => (attrs.align ? network.align(alpha!) : undefined),
      afterUpdateEntries: { heads_after_step1: Array.from({ length: heads }, (_, k) => `fc${k}.weight`) },
      dispose() {},
    };
  },
};

/** As long as the fixture says: passes, updates, and what they gave. */
async function train(set: FixtureSet, fixture: FixtureCase, device: Device): Promise<Results['outputs']> {
  const { lr, momentum, weight_decay: weightDecay, steps } = fixture.attrs as Numbers;
  const columns = fixture.attrs.loss_terms_columns as string[];
  const trained = trainings[fixture.op]!(set, fixture, device);
  const { network } = trained;
  await loadGenerated(set, fixture, network);
  const sgd = new Sgd(device, network.parameters(), { lr: lr!, momentum, weightDecay });
  const image = imageOf(set, fixture, device);
  const results: Results['outputs'] = {};
  const table: number[] = [];
  for (let step = 0; step <= steps!; step++) {
    const pass = scope(() =>
      withTape(() => {
        const made = trained.pass(image, step);
        if (step < steps!) backward([{ tensor: made.terms.total! }], sgd.parameters);
        return made;
      }),
    );
    const { cls = pass.terms.total!, ...terms } = pass.terms;
    const row = await Promise.all(columns.map((column) => (column === 'cls' ? cls : terms[column]!).item()));
    table.push(...row);
    if (step === 0) {
      results.losses_step0 = { shape: [row.length], data: row };
      for (const [name, output] of Object.entries(pass.outputs)) results[name] = await columnsOf([output].flat());
      Object.assign(results, await entries(network, trained.afterForward));
      results.grad_summary = await summaries(set, fixture, network, 'grad_summary', (parameter) => parameter.grad!);
      results.buffer_summary = await summaries(set, fixture, network, 'buffer_summary');
    }
    const made = new Set([...Object.values(pass.terms), ...Object.values(pass.outputs).flat()]);
    for (const each of made) each.release();
    if (step === steps) break;
    sgd.step();
    const cosine = trained.afterUpdate?.();
    if (step === 0) {
      if (cosine !== undefined) results.mean_cosine = await columnsOf([cosine]);
      Object.assign(results, await entries(network, trained.afterUpdateEntries));
      results.param_summary_after_step1 = await summaries(set, fixture, network, 'param_summary_after_step1');
    }
    cosine?.release();
  }
  results.loss_terms = { shape: [steps! + 1, columns.length], data: table };
  clearGrads(sgd.parameters);
  sgd.dispose();
  image.release();
  trained.dispose();
  network.dispose();
  return results;
}

/** Values of columns [N,1] as [N,K], of one tensor as it is. */
async function columnsOf(list: readonly Tensor[]): Promise<Values> {
  const values = await Promise.all(list.map((tensor) => tensor.read()));
  if (list.length === 1) return { shape: list[0]!.shape, data: values[0]! };
  const rows = list[0]!.size;
  const data = Array.from(
    { length: rows * list.length },
    (_, i) => values[i % list.length]![Math.floor(i / list.length)]!,
  );
  return { shape: [rows, list.length], data };
}

async function entries(network: Module<never, unknown>, wanted: Record<string, string[]> = {}) {
  const results: Results['outputs'] = {};
  for (const [name, of] of Object.entries(wanted)) {
    const read = await Promise.all(of.map((entry) => readEntry(network, entry)));
    const data = read.flatMap((each) => [...(each.data as Float32Array)]);
    results[name] = { shape: of.length === 1 ? read[0]!.shape : [of.length, data.length / of.length], data };
  }
  return results;
}

interface Scored {
  feature: Tensor;
  /** [N,2], or [N,K] of heads. */
  logits: Tensor;
}

/** Of a network in evaluation mode: `feature`, logits under the fixtures' name, and the score of each row of them. */
async function evaluate(
  set: FixtureSet,
  fixture: FixtureCase,
  network: Module<never, unknown>,
  logitsName: string,
  run: (image: Tensor) => Scored,
  score: (row: ArrayLike<number>) => number,
): Promise<Results['outputs']> {
  await loadGenerated(set, fixture, network);
  network.train(false);
  const image = imageOf(set, fixture, network.device);
  const { feature, logits } = scope(() => run(image));
  const results = { feature: await columnsOf([feature]), [logitsName]: await columnsOf([logits]) };
  const [rows, width] = logits.shape as [number, number];
  const values = await logits.read();
  const scores = Array.from({ length: rows }, (_, row) => score(values.subarray(row * width, (row + 1) * width)));
  for (const made of [image, feature, logits]) made.release();
  network.dispose();
  return { ...results, score: { shape: [rows], data: scores } };
}

/** A source may have no rows: how many there are is read off the parameters. */
function rowsOf(set: FixtureSet, fixture: FixtureCase, name: string): number {
  return set.paramTables[fixture.params!]!.find((row) => row.name === name)!.shape[0]!;
}

function headsOf(set: FixtureSet, fixture: FixtureCase): number {
  return set.paramTables[fixture.params!]!.filter(({ name }) => /^fc\d+\.weight$/.test(name)).length;
}

/** softmax[1] of two logits. */
const liveScore = (row: ArrayLike<number>) => 1 / (1 + Math.exp(row[0]! - row[1]!));

export const methodRunners: Record<string, Runner> = {
  erm_train: train,
  ssdg_train: train,
  safas_train: train,
  erm_eval(set, fixture, device) {
    const network = new ErmNet(device, { seed: null });
    return evaluate(set, fixture, network, 'logits', (image) => network.forward(image), liveScore);
  },
  ssdg_eval(set, fixture, device) {
    const network = new SsdgNet(device, { seed: null });
    return evaluate(set, fixture, network, 'logits', (image) => network.forward(image), liveScore);
  },
  safas_eval(set, fixture, device) {
    const network = new SafasNet(device, { heads: headsOf(set, fixture), seed: null });
    const run = (image: Tensor) => ({ feature: network.features(image), logits: network.classify(image) });
    return evaluate(set, fixture, network, 'head_logits', run, (row) => safasScore(row));
  },
};
