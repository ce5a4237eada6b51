/**
 * Checkpoints: a model file in PyTorch's names, and beside it a state file with what resuming needs. Both carry a checksum, and the
 * state names that of its model, so that a pair which does not belong together is noticed. Equal runs give equal files: neither
 * holds a path or a time.
 */
import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { removeLeftovers } from '../base/files.js';
import { loadState, type StateSource } from '../engine/nn/module.js';
import type { Tensor } from '../engine/tensor.js';
import { readSafetensors, toFloat32 } from '../formats/safetensors.js';
import { checkSeal, type SealedTensor, sealKey, writeSealed } from '../formats/sealed.js';
import { readState } from '../formats/stateFile.js';
import type { Network, Position, Training } from '../method/method.js';
import { Diverged } from './health.js';

export const trainingStart: Readonly<Position> = { epoch: 0, batch: 0, steps: 0, skipped: 0 };

/**
 * Writes the model's tensors, constants and second names left out, and returns the file's checksum.
 * @throws WorkError when a value is not finite: what cannot be used takes no good checkpoint's place
 */
export async function saveModel(
  path: string,
  module: Network,
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const tensors: SealedTensor[] = [];
  for (const { name, shape, tensor, counter, sameAs } of module.state()) {
    if (sameAs !== undefined) continue;
    if (counter !== undefined)
      tensors.push({ name, dtype: 'I64', shape: [], data: BigInt64Array.of(BigInt(counter.value)) });
    else if (tensor !== undefined) {
      const data = (await tensor.read()) as Float32Array;
      if (!allFinite(data)) {
        throw new Diverged(`${name} holds values that are not finite, so ${path} is not written`);
      }
      tensors.push({ name, dtype: 'F32', shape: [...shape], data });
    }
  }
  return writeSealed(path, tensors, metadata);
}

/** A product with 0 is 0, or it is not a number; the sum says whether one was. */
function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += 0 * values[i]!;
  return sum === 0;
}

/** A file of weights as a source for `loadState`. */
export interface ModelFile extends StateSource {
  metadata: Record<string, string>;
  /** What wrappers had put in front of the names, and was taken off. */
  taken: string;
}

/**
 * A file of weights, safetensors or a PyTorch checkpoint.
 * @throws UserError when it is none, or its checksum says that it is damaged
 */
export async function openModelFile(path: string): Promise<ModelFile> {
  const file = await readState(path);
  if (file.format === 'safetensors') await checkSeal(file);
  return {
    origin: path,
    names: file.names,
    taken: file.taken,
    metadata: file.metadata,
    shape: (name) => file.info(name).shape,
    values: async (name) => toFloat32(await file.tensor(name)),
  };
}

/** Loads a whole model. @throws UserError when the file is not one of this network */
export async function loadModel(path: string, module: Network): Promise<void> {
  await loadState(module, await openModelFile(path));
}

/** The checkpoints of one training, in one folder that only this process writes to. */
export class Checkpoints {
  constructor(
    private readonly folder: string,
    private readonly module: Network,
    private readonly training: Pick<Training, 'optimizer' | 'companion'>,
    private readonly metadata: Readonly<Record<string, string>>,
  ) {}

  /** Writes both files of the checkpoint after an epoch. The state file comes last: it makes the pair whole. */
  async saveEpoch(position: Position): Promise<void> {
    await this.write(epochName(position.epoch), position);
    for (const name of await stepNames(this.folder)) await this.remove(name);
  }

  /** The same between two epochs: the newest two of them stay until the epoch is done. */
  async saveStep(position: Position): Promise<void> {
    const name = stepName(position);
    await this.write(name, position);
    const others = (await stepNames(this.folder)).filter((other) => other !== name);
    for (const other of others.slice(0, -1)) await this.remove(other);
  }

  /**
   * Loads the newest pair that is whole into module and optimiser. Damaged ones are passed over, named, and put aside when there is
   * one to go on from.
   */
  async resume(note: (text: string) => void): Promise<Position | undefined> {
    await removeLeftovers(this.folder);
    const damaged: string[] = [];
    for (const name of (await namesWith(this.folder, '.state.safetensors')).reverse()) {
      try {
        const position = await this.load(name);
        for (const other of damaged) await this.putAside(other);
        return position;
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        note(`checkpoint ${name} is damaged (${messageOf(error)}); the one before is used`);
        damaged.push(name);
      }
    }
    return undefined;
  }

  /**
   * Keeps the newest `keep` epochs' models, but never fewer than two, one in case the other is damaged, and those in `precious`; and
   * the two newest state files.
   */
  async retain(keep: number | 'all', precious: readonly string[] = []): Promise<void> {
    const names = await checkpointNames(this.folder);
    for (const name of names.slice(0, -2)) await rm(this.state(name), { force: true });
    if (keep === 'all') return;
    for (const name of names.slice(0, -Math.max(2, keep))) if (!precious.includes(name)) await this.remove(name);
  }

  private async write(name: string, position: Position): Promise<void> {
    const model = await saveModel(this.model(name), this.module, { ...this.metadata, checkpoint: name });
    const numbers = Object.entries(position).map(([key, value]) => [key, String(value)]);
    await writeSealed(this.state(name), await this.trainingTensors(), { ...Object.fromEntries(numbers), model });
  }

  private async load(name: string): Promise<Position> {
    const { state, model, position } = await openPair(this.folder, name);
    await loadState(this.module, model);
    const { optimizer } = this.training;
    for (const { name, tensor } of this.trainingState()) tensor.set(toFloat32(await state.tensor(name)));
    optimizer.steps = position.steps - position.skipped;
    return position;
  }

  /** What going on needs beside the network, by its name in the state file: the optimiser's buffers (`m.0`), and what learns unsaved. */
  private trainingState(): { name: string; tensor: Tensor }[] {
    const { optimizer, companion } = this.training;
    const buffers = Object.entries(optimizer.buffers).flatMap(([part, tensors]) =>
      tensors.map((tensor, i) => ({ name: `${part}.${i}`, tensor })),
    );
    const beside = (companion?.state('companion.') ?? []).flatMap(({ name, tensor, sameAs }) =>
      tensor === undefined || sameAs !== undefined ? [] : [{ name, tensor }],
    );
    return [...buffers, ...beside];
  }

  private async trainingTensors(): Promise<SealedTensor[]> {
    const tensors: SealedTensor[] = [];
    for (const { name, tensor } of this.trainingState()) {
      tensors.push({ name, dtype: 'F32', shape: [...tensor.shape], data: (await tensor.read()) as Float32Array });
    }
    return tensors;
  }

  private async putAside(name: string): Promise<void> {
    for (const path of [this.state(name), this.model(name)]) {
      if (existsSync(path)) await rename(path, `${path}.damaged`);
    }
  }

  private async remove(name: string): Promise<void> {
    await rm(this.state(name), { force: true });
    await rm(this.model(name), { force: true });
  }

  private model(name: string): string {
    return modelPath(this.folder, name);
  }

  private state(name: string): string {
    return statePath(this.folder, name);
  }
}

const modelPath = (folder: string, name: string) => join(folder, `${name}.safetensors`);
const statePath = (folder: string, name: string) => join(folder, `${name}.state.safetensors`);

/** Both files of a checkpoint. @throws UserError when one is missing or damaged, or they do not belong together */
export async function openPair(folder: string, name: string) {
  const state = await readSafetensors(statePath(folder, name));
  if ((await checkSeal(state)) === undefined) throw new UserError(`${state.path} has no checksum`);
  const model = await openModelFile(modelPath(folder, name));
  const { epoch, batch, steps, skipped = '0', model: expected } = state.metadata;
  if (model.metadata[sealKey] !== expected) {
    throw new UserError(`${state.path} belongs to another model than the one beside it`);
  }
  const position = { epoch: Number(epoch), batch: Number(batch), steps: Number(steps), skipped: Number(skipped) };
  return { state, model, position };
}

/** Name of the checkpoint after `epoch` epochs. */
export function epochName(epoch: number): string {
  return `epoch-${String(epoch).padStart(4, '0')}`;
}

/** Name of a checkpoint within an epoch: epochs done, and steps in all. */
function stepName({ epoch, steps }: Position): string {
  return `${epochName(epoch)}-step-${String(steps).padStart(8, '0')}`;
}

/** Epoch checkpoints in a folder, oldest first, without endings. */
export async function checkpointNames(folder: string): Promise<string[]> {
  return (await namesWith(folder, '.safetensors')).filter((name) => !name.includes('-step-'));
}

async function stepNames(folder: string): Promise<string[]> {
  return (await namesWith(folder, '.safetensors')).filter((name) => name.includes('-step-'));
}

/** Checkpoints that have a file of this ending, oldest first. */
export async function namesWith(folder: string, ending: '.safetensors' | '.state.safetensors'): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const found = (await readdir(folder)).flatMap((file) => {
    const [, name, epoch, step = '0', end] = /^(epoch-(\d+)(?:-step-(\d+))?)(\..*)$/.exec(file) ?? [];
    return name !== undefined && end === ending ? [{ name, at: [Number(epoch), Number(step)] as const }] : [];
  });
  return found.sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1]).map(({ name }) => name);
}

/** The newest epoch checkpoint of a run. @throws UserError when there is none */
export async function lastCheckpoint({ path, checkpoints }: { path: string; checkpoints: string }): Promise<string> {
  const last = (await checkpointNames(checkpoints)).at(-1);
  if (last !== undefined) return last;
  throw new UserError(`${path} has no checkpoint yet`, 'go on with the training: ldc train … --resume');
}
