/** `ldc convert` */
import { Command } from 'commander';
import { convertTorch } from '../formats/torch.js';
import { convertFull } from '../run/models/fullWeights.js';
import { type CommonOptions, printResult, progressFor, withCommonOptions } from './output.js';

interface ConvertFlags extends CommonOptions {
  full?: boolean;
}

export function convertCommand(): Command {
  const command = withCommonOptions(
    new Command('convert')
      .description('PyTorch checkpoint (.pth, .pt, .tar, .ckpt) to safetensors; nothing in it is executed')
      .argument('<in>', 'PyTorch checkpoint, zip or legacy; with --full safetensors as well')
      .argument('<out>', 'safetensors file to write')
      .option(
        '--full',
        'of an LDCNet: also the constants and second names that our checkpoints leave out, as the strict load_state_dict of the released program wants them',
      ),
  );
  command.addHelpText('after', '\nExample:\n  ldc convert LDCNet-100.tar ldcnet.safetensors');
  return command.action(async (input: string, output: string, flags: ConvertFlags) => {
    if (flags.full) {
      const progress = progressFor(flags);
      const { ignored, ...converted } = await convertFull(input, output, (text) => progress.note(text));
      printResult(flags, { input, output, ...converted, ignored }, () =>
        [...summary(converted, output), ...listed('not of an LDCNet, left out', ignored)].join('\n'),
      );
      return;
    }
    const { passedOver, ...converted } = await convertTorch(input, output);
    printResult(flags, { input, output, ...converted, passed_over: passedOver }, () =>
      [
        ...summary(converted, output),
        ...(converted.taken === '' ? [] : [`taken off in front of all names: ${converted.taken}`]),
        ...listed('no tensors, left out', converted.skipped),
        ...listed('objects passed over, neither built nor executed', passedOver),
      ].join('\n'),
    );
  });
}

function summary({ tensors, bytes }: { tensors: number; bytes: number }, output: string): string[] {
  return [`${tensors} tensors, ${bytes} bytes in ${output}`];
}

function listed(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${what}: ${names.join(', ')}`];
}
