/** The two engines that score images, behind one door: each opens weights after weights of one configuration. */
import type { Config } from '../config/schema.js';
import type { Device } from '../engine/device.js';
import { loadState, type StateSource } from '../engine/nn/module.js';
import { EngineScorer } from '../evaluate/engineEvaluator.js';
import { OnnxScorer } from '../evaluate/onnxEvaluator.js';
import type { Provider } from '../evaluate/onnxProvider.js';
import type { Scorer } from '../evaluate/scorer.js';
import { encodeOnnx } from '../formats/onnx.js';
import { ldcNetGraph } from '../method/ldcnet/graph.js';
import { LdcNet } from '../method/ldcnet/network.js';
import { pixelScaling } from '../method/normalize.js';
import { version } from './version.js';

export interface ScoringEngine {
  /** As results and score files name it. */
  readonly name: string;
  /** Scores with these weights, until the next `open`. @throws UserError when they are not of this network */
  open(state: StateSource): Promise<Scorer>;
  release(): void;
}

/** An LDCNet of the configuration's shape, to load weights into. */
export function emptyNet({ config }: { config: Config }, device: Device): LdcNet {
  return new LdcNet(device, { conv: config.model.conv, mapSize: config.model.map_size, seed: null });
}

/** Our own engine, on `device`. */
export class NativeEngine implements ScoringEngine {
  readonly name = 'native';
  private readonly net: LdcNet;

  constructor(
    private readonly config: Config,
    private readonly device: Device,
  ) {
    this.net = emptyNet({ config }, device);
  }

  async open(state: StateSource): Promise<EngineScorer> {
    await loadState(this.net, state);
    return new EngineScorer(this.device, this.net, this.config.data.normalize);
  }

  release(): void {
    this.net.dispose();
  }
}

/** onnxruntime, on the folded network that `ldc export` would write. */
export class OnnxEngine implements ScoringEngine {
  readonly name: string;

  constructor(
    private readonly config: Config,
    private readonly provider: Provider,
  ) {
    this.name = provider === 'cpu' ? 'onnx' : `onnx-${provider}`;
  }

  async open(state: StateSource): Promise<OnnxScorer> {
    const { data, threads } = this.config;
    const graph = await ldcNetGraph(state, { ...graphShape(this.config), feature: false, half: false });
    const bytes = encodeOnnx({ name: 'ldcnet', producer: { name: 'ldc', version }, metadata: {}, ...graph });
    const options = { scaling: pixelScaling(data.normalize), provider: this.provider, threads };
    return OnnxScorer.open(bytes, state.origin, options);
  }

  release(): void {}
}

/** What of the graph the configuration decides. */
export function graphShape({ data, model }: Pick<Config, 'data' | 'model'>) {
  return { conv: model.conv, imageSize: data.image_size, mapSize: model.map_size };
}
