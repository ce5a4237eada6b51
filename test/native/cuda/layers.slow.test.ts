/** Every layer of both networks at its real width: forward and both gradients, against the CPU, with the same bits again. */
import { beforeAll, expect, it } from 'vitest';
import { build } from './emulated.js';
import { checkLayers, mainKinds } from './layers.js';

const minutes = 60_000;
beforeAll(() => build('ldc_check_emulated'), 15 * minutes);

it.each(mainKinds)('$precision, capability $capability', { timeout: 3 * minutes }, (code) => {
  const { status, output } = checkLayers(code);
  expect(output.match(/^layer /gm)).toHaveLength(14);
  expect(output).not.toContain('FAIL');
  expect(status, output).toBe(0);
});
