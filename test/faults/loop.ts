/** A program that trains a network of a few numbers in the folder it is given, on the images in another: `loop.js RUN IMAGES`. */
import { withLock } from '../../src/base/lock.js';
import { reportError } from '../../src/cli/output.js';
import { trainTiny, writeFrames } from '../run/training/tinyStage.js';

const [folder, images] = process.argv.slice(2) as [string, string];
try {
  await withLock(folder, async () => {
    await trainTiny(folder, await writeFrames(images), { checkpointEvery: 2 });
  });
} catch (error) {
  process.exitCode = reportError(error, false);
}
