/** `ldc model` */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { UserError } from '../base/errors.js';
import { writeFileWhole } from '../base/files.js';
import { cardDraft, checkCardBeside, type OnnxFile, readOnnxFile } from '../run/models/cardDraft.js';
import { cardPathOf, portText } from '../run/models/foreignCard.js';
import { thresholdText } from '../run/threshold.js';
import { type CommonOptions, printResult, withCommonOptions } from './output.js';

interface ModelFlags extends CommonOptions {
  out?: string;
}

export function modelCommand(): Command {
  const command = new Command('model')
    .description(
      'what an ONNX model takes and gives, and a draft of the card that lets eval and predict use it; a card that is there is checked',
    )
    .argument('<file>', 'ONNX model')
    .option('--out <file>', 'where the draft goes (default: NAME.card.yaml beside NAME.onnx)');
  withCommonOptions(command);
  command.addHelpText('after', '\nExample:\n  ldc model any.onnx');
  return command.action(async (path: string, flags: ModelFlags) => {
    const file = await readOnnxFile(path);
    const { card, text } = await cardOf(file, flags.out);
    printResult(flags, { ...file, card }, () => [...factLines(file), text].join('\n'));
  });
}

/** Writes the draft where none is needed yet; says what there is otherwise. */
async function cardOf(file: OnnxFile, out: string | undefined): Promise<{ card: string | null; text: string }> {
  if (file.exported !== null) {
    if (out !== undefined)
      throw new UserError(`${file.model} was written by ldc export and needs no card`, 'leave out --out');
    const { protocol, checkpoint, threshold } = file.exported;
    const from = [checkpoint, protocol].filter(Boolean).join(' of ') || 'unknown weights';
    return {
      card: null,
      text: `written by ldc export from ${from}, threshold ${threshold.frame.toPrecision(4)} (${thresholdText(threshold)}); it has its card in itself`,
    };
  }
  const beside = out === undefined ? await checkCardBeside(file) : null;
  if (beside !== null) return { card: beside, text: `its card ${beside} fits` };
  const path = out ?? cardPathOf(file.model);
  if (existsSync(path)) throw new UserError(`${path} is there already`, 'remove it, or name another file with --out');
  const draft = cardDraft(file);
  await writeFileWhole(path, draft);
  return { card: path, text: `\n${draft}\nthe draft is ${path}` };
}

function factLines({ model, producer, opset, inputs, outputs }: OnnxFile): string[] {
  return [
    `${model}: opset ${opset}, made by ${producer || 'an unnamed program'}`,
    ...inputs.map((port) => `input   ${portText(port)}`),
    ...outputs.map((port) => `output  ${portText(port)}${port.op === null ? '' : `, made by ${port.op}`}`),
  ];
}
