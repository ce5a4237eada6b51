/**
 * The contract between a method and the program that runs it (src/run), which knows nothing else of a method. One folder below src/method
 * holds one method whole; its `method.ts` gives the object described here, and `methods.ts` lists those that are built in.
 *
 * Shapes: N images of a batch, S the side of an image in pixels (`data.image_size`), M the side of a map. Images are features
 * [N,3,S,S], normalised as `data.normalize` says. Class 1 is live, class 0 an attack; scores are higher for live, 0 … 1.
 * Everything here must be deterministic: what is drawn is a pure function of the seed and the place in the training, never of time, of
 * threads or of what was drawn before, so that an interrupted training goes on to the same bits.
 * Memory: what a function makes inside of `scope` is freed with it; what it returns belongs to the caller.
 */
import type { Config, MethodSettings } from '../config/schema.js';
import type { Frame } from '../data/manifest.js';
import type { Device } from '../engine/device.js';
import type { Module, StateSource } from '../engine/nn/module.js';
import type { FrozenWeights } from '../engine/ops/conv2d.js';
import type { Tensor } from '../engine/tensor.js';
import type { OnnxModel, OnnxPart } from '../formats/onnx.js';

/** Any network or part of one. */
export type Network = Module<never, unknown>;

/** Classes of every classifier. */
export const spoofClass = 0;
export const liveClass = 1;

/** The class of an image by its label. */
export function classOf({ label }: Pick<Frame, 'label'>): number {
  return label === 'live' ? liveClass : spoofClass;
}

/** What a network says of a batch, in evaluation. */
export interface Outputs {
  /** [N,K] dense: what `score` reads, one row an image. */
  values: Tensor;
  /** Of methods with maps: [N,1,M,M] features each, 0 … 255, where the image looks live and where it looks attacked. */
  maps?: { live: Tensor; spoof: Tensor };
}

/** What a training starts from. It may not be changed, but for `network`, which learns. */
export interface TrainingStart<C extends Config, N extends Network> {
  config: C;
  device: Device;
  network: N;
  /** The images that are trained on. Batches are positions in this list. */
  frames: readonly Frame[];
  /** What the teacher drew; undefined for a method without one, and while the teacher itself is trained. */
  maps?: TeacherMaps;
}

/** Maps of the training images, by position in `frames`. */
export interface TeacherMaps {
  /** [frames,M,M], row-major, 0 … 255. */
  values: Float32Array;
  /** M. */
  size: number;
}

/** Where a training is: `epoch` and `batch` count from 0, `steps` is the number of steps done before this one. */
export interface Position {
  epoch: number;
  batch: number;
  steps: number;
  /** Steps of these that had no effect, their gradients not being finite. */
  skipped: number;
}

/** A batch as a step gets it. With several views, rows are view 1 of all images, then view 2, and `frames` and `positions` repeat. */
export interface Batch {
  /** Images [N,3,S,S], uploaded when called: once, inside the scope that may free them. */
  images(): Tensor;
  frames: readonly Frame[];
  /** Of the frames, in `TrainingStart.frames`. */
  positions: readonly number[];
  at: Readonly<Position>;
}

/** Scalars on the device. Each is a column of metrics.jsonl and a plot of the report (`liveMap` is `live_map` there). */
export type Terms = { loss: Tensor } & Record<string, Tensor>;

/** What updates weights: all of PyTorch's semantics in one kernel call (engine/optim). */
export interface Optimizer {
  readonly parameters: readonly Tensor[];
  /** What going on needs beside the weights, by name, one tensor a parameter: saved in the state file of a checkpoint. */
  readonly buffers: Readonly<Record<string, readonly Tensor[]>>;
  /** Updates done; set when a training goes on. */
  steps: number;
  /** The learning rate of the next step, for metrics.jsonl; left out, there is no such column. */
  readonly lr?: number;
  /** Updates every parameter that has a gradient; none where `finite` [1], on the device, is 0. */
  step(finite?: Tensor): void;
  dispose(): void;
}

/** One training: of the method's network, or of its teacher. */
export interface Training {
  /** What it is called while it runs. */
  title: string;
  /** Epochs of it. */
  epochs: number;
  /** Batches of an epoch, as positions in `frames`: a pure function of the epoch. No batch is empty. */
  batches(epoch: number): number[][];
  /** Views of each image in a batch, 1 unless told. */
  views?: number;
  /** The key that makes batches smaller, for the message that memory is short. */
  batchKey: string;
  optimizer: Optimizer;
  /** What learns beside the network and is in no checkpoint of it (a discriminator); going on needs it, so the state file holds it. */
  companion?: Network;
  /** Before each step: sets what a schedule changes (the learning rate). */
  schedule?(at: Readonly<Position>): void;
  /** Forward pass and losses on the tape; the caller differentiates `loss` and updates. It may not read from the device. */
  loss(batch: Batch): Terms;
  /** After each update of the weights, before anything is saved. */
  afterStep?(at: Readonly<Position>): void;
  /** Frees what the training made, the optimiser and the companion included. */
  dispose(): void;
}

/**
 * A network that is trained first, on the same images, and then draws a map of each (stage 1). Runs that agree in sources, training images
 * and `dependsOn` share one.
 */
export interface Teacher<C extends Config, N extends Network = Network> {
  /** Of its checkpoints' headers. */
  metadata(config: C): Record<string, string>;
  /** All settings that it depends on, in a fixed order: their hash names the folder. */
  dependsOn(config: C): unknown[];
  network(config: C, device: Device): N;
  /** File of its initial weights; null: as drawn. */
  weights(config: C): string | null;
  /** As `Method.ownName`. */
  ownName(name: string, config: C): string | undefined;
  /** Whether the method's network starts from its weights. */
  isStart(config: C): boolean;
  training(start: TrainingStart<C, N>): Training;
  /** Maps [N,1,M,M], 0 … 255, each image for its own class, and logits [N,2]. `network` is in evaluation mode. */
  maps(config: C, network: N, images: Tensor, classes: readonly number[]): { maps: Tensor; logits: Tensor };
}

/** A network as ONNX: input `image` [N,3,S,S]; output `score` [N], and `live_map` and `spoof_map` [N,1,M,M] where there are maps. */
export type NetworkGraph = Pick<OnnxModel, 'inputs' | 'outputs' | keyof OnnxPart>;

export interface GraphRequest {
  /** Also the output `feature` [N,F]. */
  feature: boolean;
  /** Convolutions from layer1 on in float16; input and outputs stay float32. */
  half: boolean;
}

/** A picture of what one layer answers to one image. */
export interface LayerPicture {
  /** [height,width], 0 … 1. */
  values: Float32Array;
  height: number;
  width: number;
}

export interface Method<C extends Config = Config, N extends Network = Network> {
  /** The method's name: `method` in the configuration, in results, in the headers of checkpoints. */
  readonly name: string;
  /** How texts write it: `LDCNet`. */
  readonly title: string;
  readonly settings: MethodSettings;
  /** Which of its variants a configuration means, as results name it; null where there is only one. */
  variant(config: C): string | null;
  /** How a run is called unless told, before `-seedN`. */
  runName(config: C): string;
  /**
   * Settles what a configuration leaves to the protocol: `auto` becomes the value for this number of sources and these targets.
   * May throw UserError for a protocol that the method cannot be trained on.
   */
  settle?(config: C, protocol: { sources: readonly string[]; targets: readonly string[] }): C;
  /** Keys (`model.map_size`) without which a checkpoint cannot be used; its header holds them. */
  readonly carried: readonly string[];
  /** Keys that --weights sets. */
  readonly weightsKeys: readonly string[];
  /** File of the network's initial weights; null: as drawn. */
  weights(config: C): string | null;

  /** A network of the configuration's shape. `seed` null: none of its weights are drawn, they will be loaded. */
  network(config: C, device: Device, seed: number | null): N;
  /** The network's name of a tensor that a file of initial weights calls `name`, torchvision's of a ResNet-18; undefined: not used. */
  ownName(name: string, config: C): string | undefined;
  /** Names of tensors by which its network is found in a file, whatever wrapper stands in front of the names there. */
  readonly anchors: readonly string[];
  /**
   * Whether a file holds this method's network, by names and shapes; undefined: it does not. What the file tells of the settings comes
   * back as overrides (`safas.heads=3`), and where its names are others than the network's, the state under the network's names. `alike`: one choice
   * of each setting that the file cannot tell because its tensors are the same; it is taken where only tensors matter.
   * @param metadata the entries of the file's header, the keys of `carried` among them when ldc wrote it
   */
  recognise(
    state: StateSource,
    metadata: Readonly<Record<string, string>>,
  ): { overrides: string[]; alike?: string[]; state?: StateSource } | undefined;
  /** Refuses weights that are not of the configuration's shape and tell so. */
  check?(state: StateSource, config: C): void;

  readonly teacher?: Teacher<C>;
  training(start: TrainingStart<C, N>): Training;

  /** Outputs of a network in evaluation mode. */
  outputs(network: N, images: Tensor): Outputs;
  /** The score of one image from its row of `Outputs.values` [K], in double. */
  score(values: ArrayLike<number>, config: C): number;
  /** Of methods with maps: M. */
  mapSize?(config: C): number;
  /** Where images lie for the network: [N,F] dense; left out, reports show no features. */
  features?(network: N, images: Tensor): Tensor;
  /** What the card of an exported model says beside what all say. */
  card?(config: C): Record<string, unknown>;
  /** The network for evaluation, batch norm folded; left out, there is no `ldc export`. @throws UserError for missing tensors */
  graph?(state: StateSource, config: C, request: GraphRequest): Promise<NetworkGraph>;
  /** Layers that `ldc features` can draw, the first being the default, and how; left out, it draws none. */
  readonly pictures?: {
    layers(network: N): string[];
    /** `result[layer][image]`; the network is put in evaluation mode. */
    draw(
      network: N,
      layers: readonly string[],
      images: () => Tensor,
      weights: FrozenWeights,
    ): Promise<LayerPicture[][]>;
  };
}
