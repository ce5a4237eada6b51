/** The two engines that score images, behind one door: each opens weights after weights of one configuration. */
import { UserError } from '../base/errors.js';
import type { Config } from '../config/schema.js';
import type { Device } from '../engine/device.js';
import { loadState, type StateSource } from '../engine/nn/module.js';
import { EngineScorer, type ScoringNetwork } from '../evaluate/engineEvaluator.js';
import { OnnxScorer } from '../evaluate/onnxEvaluator.js';
import type { Scorer } from '../evaluate/scorer.js';
import { encodeOnnx } from '../formats/onnx.js';
import type { GraphRequest, Network, NetworkGraph } from '../method/method.js';
import { pixelScaling } from '../method/normalize.js';
import type { Provider } from '../onnxruntime/provider.js';
import { methodOf } from './configuration.js';
import { version } from './version.js';

export interface ScoringEngine {
  /** As results and score files name it. */
  readonly name: string;
  /** Scores with these weights, until the next `open`. @throws UserError when they are not of this network */
  open(state: StateSource): Promise<Scorer>;
  release(): void;
}

/** A network of the configuration's method and shape, to load weights into. */
export function emptyNet({ config }: { config: Config }, device: Device): Network {
  return methodOf(config).network(config, device, null);
}

/** A network as scoring takes it. */
export function scoringNetwork(config: Config, network: Network): ScoringNetwork {
  const method = methodOf(config);
  return {
    network,
    outputs: (images) => method.outputs(network, images),
    score: (values) => method.score(values, config),
  };
}

/** The network of weights as ONNX. @throws UserError when its method has no graph */
export async function graphOf(config: Config, state: StateSource, request: GraphRequest): Promise<NetworkGraph> {
  const method = methodOf(config);
  if (method.graph !== undefined) return method.graph(state, config, request);
  throw new UserError(`the method ${method.title} does not say how its network is written as ONNX (graph)`);
}

/** Our own engine, as results name it: scores that bf16 has rounded go by a name of their own. */
export function nativeName({ precision }: Device): string {
  return precision === 'bf16' ? 'native-bf16' : 'native';
}

/** Our own engine, on `device`. */
export class NativeEngine implements ScoringEngine {
  readonly name: string;
  private readonly net: Network;

  constructor(
    private readonly config: Config,
    private readonly device: Device,
  ) {
    this.name = nativeName(device);
    this.net = emptyNet({ config }, device);
  }

  async open(state: StateSource): Promise<EngineScorer> {
    await loadState(this.net, state);
    return new EngineScorer(this.device, scoringNetwork(this.config, this.net), this.config.data.normalize);
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
    const graph = await graphOf(this.config, state, { feature: false, half: false });
    const bytes = encodeOnnx({
      name: methodOf(this.config).name,
      producer: { name: 'ldc', version },
      metadata: {},
      ...graph,
    });
    const options = { scaling: pixelScaling(data.normalize), provider: this.provider, threads };
    return OnnxScorer.open(bytes, state.origin, options);
  }

  release(): void {}
}
