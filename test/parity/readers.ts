/** Cases of file readers: content and element types of good files; damaged and hostile ones must be refused. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readNpy } from '../../src/formats/npy.js';
import { type FileTensor, toFloat32 } from '../../src/formats/safetensors.js';
import { readTorch, torchDtypeNames } from '../../src/formats/torch.js';
import { type Check, unequal } from './compare.js';
import type { FixtureCase, FixtureSet } from './fixtureSet.js';

/** Reads the file of a case; one tensor for each result. */
type Reader = (path: string) => Promise<Record<string, FileTensor>>;

const readers: Record<string, Reader> = {
  read_npy: async (path) => ({ array: await readNpy(path) }),
  read_checkpoint: async (path) => {
    const file = await readTorch(path);
    const read = file.names.map(async (name): Promise<[string, FileTensor]> => [name, await file.tensor(name)]);
    return Object.fromEntries(await Promise.all(read));
  },
};

/** What a hostile file would write if it were believed. */
const trace = 'ldc_fixture_executed.txt';

export const readerNames: ReadonlySet<string> = new Set(Object.keys(readers));

/** @throws UserError for a file that is refused */
export async function checkReader(set: FixtureSet, fixture: FixtureCase): Promise<Check[]> {
  const got = await readers[fixture.op]!(join(set.folder, fixture.attrs.path as string)).finally(() => {
    if (existsSync(trace)) throw new Error(`the file was executed: it wrote ${trace}`);
  });
  const checks = await Promise.all(
    Object.entries(fixture.outputs).map(async ([name, key]) => {
      const want = await set.tensor(fixture, key);
      return [
        { what: `type of ${name}`, error: typeDiffers(fixture, name, got[name], want) ? 1 : 0, limit: 0 },
        { what: `shape of ${name}`, error: got[name]?.shape.join() === want.shape.join() ? 0 : 1, limit: 0 },
        {
          what: `equality of ${name}`,
          error: got[name] === undefined ? 1 : unequalElements(got[name], want),
          limit: 0,
        },
      ];
    }),
  );
  const surplus = Object.keys(got).filter((name) => !(name in fixture.outputs));
  return [...checks.flat(), { what: `tensors too many (${surplus})`, error: surplus.length, limit: 0 }];
}

/** The type in the file is stated, or else it is that of the expected content, where half types stand as float32. */
function typeDiffers(fixture: FixtureCase, name: string, got: FileTensor | undefined, want: FileTensor): boolean {
  const stated = fixture.stored_dtype?.[name];
  if (stated !== undefined) return got === undefined || torchDtypeNames[got.dtype] !== stated;
  const half = got?.dtype === 'F16' || got?.dtype === 'BF16';
  return (half ? 'F32' : got?.dtype) !== want.dtype;
}

function unequalElements(got: FileTensor, want: FileTensor): number {
  if (got.data.length !== want.data.length) return want.data.length;
  const widened = got.dtype === 'F16' || got.dtype === 'BF16' ? toFloat32(got) : got.data;
  return unequal(widened as ArrayLike<unknown>, want.data as ArrayLike<unknown>);
}
