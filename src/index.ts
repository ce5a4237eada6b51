/**
 * The package `ldcnet` as a library:
 *
 *     import { loadModel, predict, Tensor, grad, nn } from 'ldcnet';
 *
 * `loadModel` and `predict` score face crops with a trained network; the rest is the engine. docs/onnx.md shows both.
 */

export { z } from 'zod';
export { UserError, WorkError } from './base/errors.js';
export { balancedStreams, epochBatches, shuffledBatches } from './data/sampler.js';
export { type Device, openDevice } from './engine/device.js';
export { grad } from './engine/grad.js';
export { features, scope, Tensor, tensor, zeros } from './engine/tensor.js';
export type { Calibration } from './evaluate/calibrate.js';
export type { Evaluation } from './evaluate/results.js';
export type { ImageScore } from './evaluate/scorer.js';
export type { ScoreRow } from './evaluate/scores.js';
export {
  calibrate,
  type EvaluateOptions,
  evaluate,
  type LoadOptions,
  loadModel,
  predict,
  type Verdict,
} from './library.js';
export { defineMethod } from './method/define.js';
export { Graph, resnetGraph } from './method/graph.js';
export { classOf, type Method, type Training, type TrainingStart } from './method/method.js';
export * as nn from './nn.js';
export type { ForeignCard } from './run/models/foreignCard.js';
export type { ModelCard } from './run/models/modelCard.js';
export type { OpenModel } from './run/models/openModel.js';
