/** The tutorial's PyTorch model: its export, the draft of its card, and the commands behind it, as a reader would type them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { pythonWith, titled } from '../peers.js';
import { codeBlocks, commandLines, root } from './codeBlocks.js';

const { python, noPython } = pythonWith('torch', 'onnx');
const folder = mkdtempSync(join(tmpdir(), 'ldc-foreign-'));
afterAll(() => rmSync(folder, { recursive: true }));

function run(line: string) {
  const ldc = `"${process.execPath}" "${join(root, 'bin/ldc.js')}"`;
  const command = line.replace(/^ldc /, `${ldc} `).replace(/^python3 /, `${python} `);
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], { cwd: folder, encoding: 'utf8' });
  expect(status, `${line}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

it.skipIf(noPython)(titled('a PyTorch model under O&C&I-to-M in four commands', noPython), { timeout: 300_000 }, () => {
  const blocks = codeBlocks('docs/tutorial.md');
  const after = blocks.findIndex(({ info }) => info === 'python');
  const [program, commands, card] = blocks.slice(after, after + 3);
  writeFileSync(join(folder, 'export.py'), program!.code);
  run('ldc synth --out data --subjects 4 --frames 1 --size 64 --quiet');
  const [exporting, model, evaluation, prediction] = commandLines(commands!.code);
  run(exporting!);
  expect(run(model!)).toMatch(
    /input {3}face, float32 \[N,3,256,256\]\noutput {2}logits, float32 \[N,2\], made by Gemm/,
  );
  const draft = readFileSync(join(folder, 'mine.card.yaml'), 'utf8');
  const filled = draft.split('\n').map((text) => text.replace(/\s+#.*/, '').replaceAll('"', ''));
  const keys = (lines: string[]) =>
    lines.map((text) => text.split(':')[0]!).filter((key) => key !== '' && !key.startsWith('#'));
  expect(keys(filled)).toEqual(keys(card!.code.split('\n')));
  writeFileSync(join(folder, 'mine.card.yaml'), card!.code);
  const table = run(evaluation!);
  expect(table).toMatch(/^O&C&I-to-M · engine onnx, model mine \(not trained by ldc\) · convention honest · SYNTHETIC/);
  expect(table).toMatch(/source-dev-eer +\d/);
  expect(run(prediction!)).toContain('engine onnx, model mine (not trained by ldc)');
});
