/** Cases of whole networks, whose parameters and inputs are generated from their names. */
import type { Device } from '../../src/engine/device.js';
import { mask } from '../../src/engine/ops/elementwise.js';
import { logSoftmax } from '../../src/engine/ops/linear.js';
import { crossEntropy } from '../../src/engine/ops/losses.js';
import { Adam } from '../../src/engine/optim/optimizers.js';
import { backward, clearGrads, withTape } from '../../src/engine/tape.js';
import { features, scope, type Tensor } from '../../src/engine/tensor.js';
import { ActivationNet } from '../../src/method/ldcnet/activationNet.js';
import { gradCam } from '../../src/method/ldcnet/gradCam.js';
import { type LossTerms, ldcNetLoss } from '../../src/method/ldcnet/losses.js';
import { LdcNet, type LdcNetOutput } from '../../src/method/ldcnet/network.js';
import { quasiGroundTruth } from '../../src/method/ldcnet/quasiGroundTruth.js';
import type { Results, Values } from './compare.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';
import { dropoutMask, generatedInput, imageOf, loadGenerated, readEntry, summaries } from './generatedNetworks.js';
import { methodRunners } from './methodNetworks.js';

export type Runner = (set: FixtureSet, fixture: FixtureCase, device: Device) => Promise<Results['outputs']>;

const runners: Record<string, Runner> = {
  ...methodRunners,

  ldcnet_eval: runLdcNetEval,
  ldcnet_train: runLdcNetTrain,
  amodel_train: runActivationNetTrain,
  amodel_gradcam: runActivationNetGradCam,
};

export const networkNames: ReadonlySet<string> = new Set(Object.keys(runners));

export async function runNetwork(set: FixtureSet, fixture: FixtureCase, device: Device): Promise<Results> {
  return { outputs: await runners[fixture.op]!(set, fixture, device), grads: {} };
}

/** The objective that the fixtures define (test/fixtures/README.md, "ldcnet_train"). */
const objective = { gamma: 0.004, beta: 0.1, margin: 0.1, mining: 'batch-hard', squared: false } as const;

/** Columns of `loss_terms`. */
const termNames = { total: 'loss', cls: 'ce', mse_live: 'liveMap', mse_spoof: 'spoofMap', triplet: 'triplet' } as const;

async function runLdcNetEval(set: FixtureSet, fixture: FixtureCase, device: Device) {
  const network = (await ldcNet(set, fixture, device)).train(false);
  const image = imageOf(set, fixture, device);
  const output = network.forward(image);
  const logScores = logSoftmax(output.logits);
  const results = await readOutput(output);
  const rows = await logScores.read();
  results.live_score = {
    shape: [image.shape[0]!],
    data: Float32Array.from(
      rows.filter((_, i) => i % 2 === 1),
      Math.exp,
    ),
  };
  for (const made of [image, logScores, ...Object.values<Tensor>({ ...output })]) made.release();
  network.dispose();
  return results;
}

async function runLdcNetTrain(set: FixtureSet, fixture: FixtureCase, device: Device) {
  const { label, material, lr, steps, dropout } = fixture.attrs as {
    label: number[];
    material: number[];
    lr: number;
    steps: number;
    dropout: string;
  };
  const network = (await ldcNet(set, fixture, device)).train();
  const adam = new Adam(device, network.parameters(), { lr });
  const image = imageOf(set, fixture, device);
  const [liveMap, spoofMap] = [
    keptMaps(set, fixture, device, 'live_gt', 1),
    keptMaps(set, fixture, device, 'spoof_gt', 0),
  ];
  const targets = { classes: label, materials: material, liveMap, spoofMap };
  const keep = dropout === 'none' ? undefined : dropoutMask(set, fixture, device);
  const pass = (learning: boolean) =>
    scope(() =>
      withTape(() => {
        const output = network.forward(image, keep && ((feature) => mask(feature, keep)));
        const terms = ldcNetLoss(output, targets, objective);
        if (learning) backward([{ tensor: terms.loss }], adam.parameters);
        return { output, terms };
      }),
    );

  const columns = fixture.attrs.loss_terms_columns as (keyof typeof termNames)[];
  const table: number[] = [];
  const results: Results['outputs'] = {};
  for (let step = 0; step <= steps; step++) {
    const { output, terms } = pass(step < steps);
    table.push(...(await readTerms(terms, columns)));
    if (step === 0) {
      Object.assign(results, await readOutput(output));
      results.classifier_weight_after_forward = await readEntry(network, 'classifier.classifier_layer.weight');
      results.grad_summary = await summaries(set, fixture, network, 'grad_summary', (parameter) => parameter.grad!);
      results.buffer_summary = await summaries(set, fixture, network, 'buffer_summary');
    }
    for (const made of [...Object.values<Tensor>({ ...output }), ...Object.values<Tensor>({ ...terms })])
      made.release();
    if (step < steps) adam.step();
    if (step === 0) {
      results.param_summary_after_step1 = await summaries(set, fixture, network, 'param_summary_after_step1');
    }
  }
  results.loss_terms = { shape: [steps + 1, columns.length], data: table };

  clearGrads(adam.parameters);
  adam.dispose();
  for (const made of [image, liveMap, spoofMap, keep]) made?.release();
  network.dispose();
  return results;
}

async function runActivationNetTrain(set: FixtureSet, fixture: FixtureCase, device: Device) {
  const network = (await activationNet(set, fixture, device)).train();
  const image = imageOf(set, fixture, device);
  const parameters = network.parameters();
  const { logits, loss } = scope(() =>
    withTape(() => {
      const logits = network.forward(image);
      const loss = crossEntropy(logits, fixture.attrs.label as number[]);
      backward([{ tensor: loss }], parameters);
      return { logits, loss };
    }),
  );
  const results = {
    logits: { shape: logits.shape, data: await logits.read() },
    loss: { shape: loss.shape, data: await loss.read() },
    grad_summary: await summaries(set, fixture, network, 'grad_summary', (parameter) => parameter.grad!),
  };
  clearGrads(parameters);
  for (const made of [image, logits, loss]) made.release();
  network.dispose();
  return results;
}

async function runActivationNetGradCam(set: FixtureSet, fixture: FixtureCase, device: Device) {
  const { size, out } = fixture.attrs as { size: number; out: number };
  const network = (await activationNet(set, fixture, device)).train(false);
  const image = imageOf(set, fixture, device);
  const results: Results['outputs'] = {};
  for (const target of [0, 1]) {
    const classes = Array.from({ length: image.shape[0]! }, () => target);
    const made = scope(() => {
      const { raw, logits } = gradCam(network, image, classes);
      return { [`raw${target}`]: raw, [`map${target}`]: quasiGroundTruth(raw, [size, size], out), logits };
    });
    for (const [name, tensor] of Object.entries(made)) {
      results[name] = { shape: tensor.shape, data: await tensor.read() };
      tensor.release();
    }
  }
  image.release();
  network.dispose();
  return results;
}

/** The maps' extent is known from what is expected. */
async function ldcNet(set: FixtureSet, fixture: FixtureCase, device: Device): Promise<LdcNet> {
  const { shape } = await set.tensor(fixture, fixture.outputs.live_map!);
  const network = new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize: shape[shape.length - 1]!, seed: 0 });
  await loadGenerated(set, fixture, network);
  return network;
}

async function activationNet(set: FixtureSet, fixture: FixtureCase, device: Device): Promise<ActivationNet> {
  const network = new ActivationNet(device, { seed: 0 });
  await loadGenerated(set, fixture, network);
  return network;
}

/** Maps [N,1,S,S] of the images with this label; zeros for the others. */
function keptMaps(set: FixtureSet, fixture: FixtureCase, device: Device, name: string, kept: number): Tensor {
  const { shape, values } = generatedInput(set, fixture, name);
  const each = values.length / shape[0]!;
  (fixture.attrs.label as number[]).forEach((label, i) => {
    if (label !== kept) values.fill(0, i * each, (i + 1) * each);
  });
  return features(device, values, shape);
}

async function readOutput({ logits, liveMap, spoofMap, feature }: LdcNetOutput): Promise<Results['outputs']> {
  const read = async (made: Tensor): Promise<Values> => ({ shape: made.shape, data: await made.read() });
  return {
    logits: await read(logits),
    live_map: await read(liveMap),
    spoof_map: await read(spoofMap),
    feature: await read(feature),
  };
}

async function readTerms(terms: LossTerms, columns: readonly (keyof typeof termNames)[]): Promise<number[]> {
  return Promise.all(columns.map((column) => terms[termNames[column]].item()));
}
