import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { checkProvider } from '../../src/onnxruntime/provider.js';

describe("what onnxruntime's providers lack", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ldc-provider-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('cpu lacks nothing', async () => {
    await checkProvider('cpu', folder);
  });

  it('names the files and the command that fetches them', async () => {
    await writeFile(join(folder, 'libonnxruntime_providers_shared.so'), '');
    const error = await checkProvider('tensorrt', folder).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    const { message, hint } = error as UserError;
    expect(message).toContain('lacks libonnxruntime_providers_cuda.so, libonnxruntime_providers_tensorrt.so in');
    expect(hint).toMatch(/ONNXRUNTIME_NODE_INSTALL=cuda12 node .*onnxruntime-node\/script\/install\.js$/);
  });
});
