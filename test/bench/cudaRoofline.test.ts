/** The predicted times of docs/cuda.md: never faster than bytes, instructions and FLOP allow, and the document has what the program computes. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { bytes, gpus, predictTiles } from '../../experiments/bench/cudaRoofline.js';
import { predictStep } from '../../experiments/bench/cudaStep.js';
import { convLayers, flops } from '../../experiments/bench/layers.js';
import { countInstructions, kernelName } from '../../scripts/cuda-instructions.js';

const [batch, size] = [30, 256];

it('multiplies no faster than tensor cores can', () => {
  for (const gpu of gpus) {
    for (const layer of convLayers(size)) {
      for (const pass of ['forward', 'weight-grad'] as const) {
        const { tensor } = predictTiles(gpu, { layer, batch }, pass, 'tf32');
        expect(tensor, `${gpu.name} ${layer.name} ${pass}`).toBeGreaterThanOrEqual(
          (batch * flops(layer)) / (gpu.teraflops * 1e12),
        );
      }
    }
  }
});

it('counts the FLOP of a layer as one does by hand', () => {
  const layer = convLayers(size).find(({ name }) => name === 'layer1')!;
  expect(batch * flops(layer)).toBe(2 * 30 * 64 * 64 * 64 * 64 * 9);
  const [activations, weights] = [2 * 30 * 64 * 64 * 64, 64 * 64 * 9];
  expect(bytes(layer, batch, 'forward', 'tf32')).toBe(4 * (activations + weights));
  expect(bytes(layer, batch, 'forward', 'bf16')).toBe(2 * (activations + weights));
  expect(bytes(layer, batch, 'weight-grad', 'bf16')).toBe(2 * activations + 4 * weights);
});

it.each(gpus.map((gpu) => ({ name: gpu.name, gpu })))('adds up every kernel of a step on $name', ({ gpu }) => {
  for (const precision of ['tf32', 'bf16'] as const) {
    const { kernels, gaps, step } = predictStep(gpu, precision);
    let sum = gaps;
    for (const { name, expected, memory, issue, tensor } of kernels) {
      expect(expected, name).toBeGreaterThanOrEqual(Math.max(memory, issue, tensor) * (1 - 1e-12));
      sum += expected;
    }
    expect(step).toBeCloseTo(sum, 12);
    // Three passes over 26 convolutions but for the data gradient of the first.
    const convolutions = kernels.filter(({ name }) => /^conv2d_(?:forward|data_grad|weight_grad)$/.test(name));
    expect(convolutions.reduce((total, { launches }) => total + launches, 0)).toBe(3 * 26 - 1);
  }
});

it('is what docs/cuda.md and cudaExpected.json say of a step', async () => {
  const text = await readFile(new URL('../../docs/cuda.md', import.meta.url), 'utf8');
  const file = await readFile(new URL('../../experiments/bench/cudaExpected.json', import.meta.url), 'utf8');
  for (const gpu of gpus) {
    const [tf32, bf16] = (['tf32', 'bf16'] as const).map((precision) =>
      (1e3 * predictStep(gpu, precision).step).toFixed(2),
    );
    expect(text).toContain(`| ${gpu.name} | ${tf32} |  | ${bf16} |  |`);
    expect(Object.values(JSON.parse(file) as Record<string, number>)).toContain(Number(tf32));
  }
});

it('reads a disassembly', () => {
  const sass = `
\t\tFunction : _ZN3ldc4cuda3gpu11each_kernelIZNS1_11CudaKernels5scaleERKNS_6TensorEfS5_EUllE_EEvlT_
        /*0000*/                   MOV R1, c[0x0][0x28] ;                  /* 0x0 */
        /*0010*/              @P0 CALL.REL.NOINC 0x60 ;                    /* 0x0 */
        /*0020*/                   IADD3 R4, R4, 0x1, RZ ;                 /* 0x0 */
        /*0030*/              @!P1 BRA 0x20 ;                              /* 0x0 */
        /*0040*/                   EXIT ;                                  /* 0x0 */
        /*0060*/                   IADD3 R4, R4, 0x1, RZ ;                 /* 0x0 */
        /*0070*/                   RET.REL.NODEC R2 0x0 ;                  /* 0x0 */
        /*0080*/                   BRA 0x80 ;                              /* 0x0 */
`;
  expect(countInstructions(sass)).toEqual({ 'each:scale': [3, 2] });
  const tile = '_ZN3ldc4cuda3gpu54_GLOBAL__N__c4af10ee_21_conv2d_weight_grad_cu_c231c1f418weight_grad_kernel';
  expect(kernelName(`${tile}INS2_7MmaTileILi128EfEEEEvNS2_9GradShapeEPKNT_6StoredESA_Pf`)).toBe(
    'weight_grad:Mma128tf32',
  );
  const halves = `${tile}INS2_7MmaTileILi64ENS_4Bf16EEEEEvNS2_9GradShapeEPKNT_6StoredESB_Pf`;
  expect(kernelName(halves)).toBe('weight_grad:Mma64bf16');
  const typed =
    'INS1_5TypedINS_4Bf16EZNS1_11CudaKernels18batch_norm_momentsERKNS_6TensorEffS8_S8_S8_S8_EUlT_lilE_EEEEvNS1_7ColumnsE';
  expect(kernelName(`_ZN3ldc4cuda3gpu20column_shares_kernel${typed}`)).toBe('column_shares:batch_norm_moments bf16');
  const map = 'INS1_5LanesIfEEZNS1_11CudaKernels10accumulateERKNS_6TensorES8_EUlffE_JPcSA_EEEvlSA_T0_DpT1_';
  expect(kernelName(`_ZN3ldc4cuda3gpu10map_kernel${map}`)).toBe('map:accumulate');
});
