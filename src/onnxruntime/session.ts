/** Opens models in onnxruntime. */
import { availableParallelism } from 'node:os';
import type { InferenceSession } from 'onnxruntime-node';
import { messageOf, UserError } from '../base/errors.js';
import { checkProvider, loadRuntime, type Provider } from './provider.js';

export interface SessionOptions {
  provider?: Provider | undefined;
  /** 'auto' or undefined: all processors this process may use. */
  threads?: number | 'auto' | undefined;
  /** onnxruntime's rewriting of the graph. */
  optimization?: 'disabled' | 'basic' | 'all';
}

export interface OpenSession {
  runtime: typeof import('onnxruntime-node');
  session: InferenceSession;
}

/** Only warnings of the graph's author concern nobody here; errors are thrown. */
const logErrors = 3;

/**
 * @param model its bytes, or its path, beside which the weights of large models lie in files of their own
 * @param name of the model, for messages
 * @throws UserError when onnxruntime is not installed or refuses the model, or the provider cannot be used
 */
export async function openSession(
  model: Uint8Array | string,
  name: string,
  { provider = 'cpu', threads = 'auto', optimization = 'all' }: SessionOptions,
): Promise<OpenSession> {
  const runtime = await loadRuntime();
  await checkProvider(provider);
  const options: InferenceSession.SessionOptions = {
    executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
    intraOpNumThreads: threads === 'auto' ? availableParallelism() : threads,
    graphOptimizationLevel: optimization,
    logSeverityLevel: logErrors,
  };
  try {
    const { create } = runtime.InferenceSession;
    const session = await (typeof model === 'string' ? create(model, options) : create(model, options));
    return { runtime, session };
  } catch (error) {
    throw new UserError(`onnxruntime cannot run ${name} with the provider ${provider}: ${messageOf(error)}`);
  }
}
