/** Run directories as `ldc train` leaves them, without the training. */
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { configToYaml } from '../../src/config/schema.js';
import { loadConfig } from '../../src/run/configuration.js';

export interface SampleRun {
  /** PROTOCOL/NAME */
  id: string;
  steps: number;
  epochs?: number;
  ending?: string;
  synthetic?: boolean;
}

const yaml = configToYaml(await loadConfig(undefined, ['train.epochs=20']));
export const stepsPerEpoch = 10;

export function metricsLine(step: number): string {
  const seconds = { load: 0.01, wait: 0.001, forward: 0.04, backward: 0.1, optimizer: 0.009 };
  const loss = 1 / step;
  const epoch = Math.ceil(step / stepsPerEpoch);
  return `${JSON.stringify({ epoch, step, loss, ce: loss / 2, learning_rate: 1e-4, images_per_s: 80, seconds })}\n`;
}

/** Writes the folder of a run and returns its path. */
export async function sampleRun(
  out: string,
  { id, steps, ending = 'finished', synthetic = true }: SampleRun,
): Promise<string> {
  const folder = join(out, id);
  await mkdir(folder, { recursive: true });
  const facts = {
    ...{ version: '0.1.0', method: 'ldcnet', variant: 'ldc', protocol: id.split('/')[0], device: 'cpu', threads: 1 },
    ...{
      seed: 0,
      data: {},
      synthetic,
      stage1: null,
      started: '2026-01-01T00:00:00Z',
      seconds: 1,
      epochs: 1,
      finished: false,
    },
  };
  const files = {
    'config.yaml': yaml,
    'run.json': JSON.stringify(facts),
    'ending.json': JSON.stringify({ state: ending, what: `it is ${ending}` }),
    'metrics.jsonl': Array.from({ length: steps }, (_, i) => metricsLine(i + 1)).join(''),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

/** The lock of a process on another machine, which is alive while it is young. */
export function foreignLock(): string {
  return JSON.stringify({ pid: 1, host: `not-${hostname()}`, start: '1', token: '0'.repeat(16) });
}
