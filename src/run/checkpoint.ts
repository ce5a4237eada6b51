/**
 * Checkpoints: a model file in PyTorch's names, and beside it a state file with what resuming needs. Equal runs give equal
 * files: neither holds a path or a time.
 */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { loadState, type Module, type StateSource } from '../engine/nn/module.js';
import type { Adam } from '../engine/optim/optimizers.js';
import { type NamedTensor, readSafetensors, toFloat32, writeSafetensors } from '../formats/safetensors.js';
import { readState } from '../formats/stateFile.js';

/** Where training goes on: `batch` batches of `epoch` are done, and `steps` steps in all. */
export interface Position {
  epoch: number;
  batch: number;
  steps: number;
}

type AnyModule = Module<never, unknown>;

/** The model's tensors, constants and second names left out. */
export async function saveModel(path: string, module: AnyModule, metadata: Record<string, string>): Promise<void> {
  const tensors: NamedTensor[] = [];
  for (const { name, shape, tensor, counter, sameAs } of module.state()) {
    if (sameAs !== undefined) continue;
    if (counter !== undefined)
      tensors.push({ name, dtype: 'I64', shape: [], data: BigInt64Array.of(BigInt(counter.value)) });
    else if (tensor !== undefined)
      tensors.push({ name, dtype: 'F32', shape: [...shape], data: (await tensor.read()) as Float32Array });
  }
  await writeSafetensors(path, tensors, metadata);
}

/** A file of weights, safetensors or a PyTorch checkpoint, as a source for `loadState`. */
export async function openModelFile(path: string): Promise<StateSource & { metadata: Record<string, string> }> {
  const file = await readState(path);
  return {
    origin: path,
    names: file.names,
    metadata: file.metadata,
    shape: (name) => file.info(name).shape,
    values: async (name) => toFloat32(await file.tensor(name)),
  };
}

/** Loads a whole model. @throws UserError when the file is not one of this network */
export async function loadModel(path: string, module: AnyModule): Promise<void> {
  await loadState(module, await openModelFile(path));
}

/** The checkpoints of one training, in one folder. */
export class Checkpoints {
  constructor(
    private readonly folder: string,
    private readonly module: AnyModule,
    private readonly optimizer: Adam,
    private readonly metadata: Record<string, string>,
  ) {}

  /** Writes both files; `name` as `epoch-0007` or `interrupted`. The state file comes last: it makes the pair whole. */
  async save(name: string, position: Position): Promise<void> {
    await saveModel(this.model(name), this.module, { ...this.metadata, checkpoint: name });
    await writeSafetensors(this.state(name), await this.optimizerTensors(), {
      epoch: String(position.epoch),
      batch: String(position.batch),
      steps: String(position.steps),
    });
    if (name !== interruptedName) await this.remove(interruptedName);
  }

  /** Loads the newest pair that is whole into module and optimiser. Damaged ones are passed over and named. */
  async resume(note: (text: string) => void): Promise<Position | undefined> {
    for (const name of [interruptedName, ...(await checkpointNames(this.folder)).reverse()]) {
      if (!existsSync(this.state(name))) continue;
      try {
        return await this.load(name);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        note(`checkpoint ${name} is damaged (${messageOf(error)}); the one before is used`);
      }
    }
    return undefined;
  }

  /** Keeps the newest `keep` models, and the two newest state files: one to resume from, one in case it is damaged. */
  async retain(keep: number | 'all'): Promise<void> {
    const names = await checkpointNames(this.folder);
    for (const name of names.slice(0, -2)) await rm(this.state(name), { force: true });
    if (keep !== 'all') for (const name of names.slice(0, -keep)) await this.remove(name);
  }

  private async load(name: string): Promise<Position> {
    await loadModel(this.model(name), this.module);
    const file = await readSafetensors(this.state(name));
    const { m, v } = this.optimizer;
    const values = async (key: string) => toFloat32(await file.tensor(key));
    for (const [i, tensor] of m.entries()) tensor.set(await values(`m.${i}`));
    for (const [i, tensor] of v.entries()) tensor.set(await values(`v.${i}`));
    const number = (key: string) => Number(file.metadata[key]);
    this.optimizer.steps = number('steps');
    return { epoch: number('epoch'), batch: number('batch'), steps: number('steps') };
  }

  private async optimizerTensors(): Promise<NamedTensor[]> {
    const tensors: NamedTensor[] = [];
    for (const part of ['m', 'v'] as const) {
      for (const [i, tensor] of this.optimizer[part].entries()) {
        tensors.push({
          name: `${part}.${i}`,
          dtype: 'F32',
          shape: [...tensor.shape],
          data: (await tensor.read()) as Float32Array,
        });
      }
    }
    return tensors;
  }

  private async remove(name: string): Promise<void> {
    await rm(this.state(name), { force: true });
    await rm(this.model(name), { force: true });
  }

  private model(name: string): string {
    return join(this.folder, `${name}.safetensors`);
  }

  private state(name: string): string {
    return join(this.folder, `${name}.state.safetensors`);
  }
}

export const interruptedName = 'interrupted';

/** Name of the checkpoint after `epoch` epochs. */
export function epochName(epoch: number): string {
  return `epoch-${String(epoch).padStart(4, '0')}`;
}

/** Epoch checkpoints in a folder, oldest first, without endings. */
export async function checkpointNames(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const names = (await readdir(folder)).flatMap((file) => /^(epoch-\d+)\.safetensors$/.exec(file)?.[1] ?? []);
  return names.sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)));
}
