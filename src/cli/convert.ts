/** `ldc convert` */
import { Command } from 'commander';
import { convertTorch } from '../formats/torch.js';
import { type CommonOptions, printResult, withCommonOptions } from './output.js';

export function convertCommand(): Command {
  const command = withCommonOptions(
    new Command('convert')
      .description('PyTorch checkpoint (.pth, .pt, .tar) to safetensors with the same names; nothing in it is executed')
      .argument('<in>', 'PyTorch checkpoint, zip or legacy')
      .argument('<out>', 'safetensors file to write'),
  );
  command.addHelpText('after', '\nExample:\n  ldc convert LDCNet-100.tar ldcnet.safetensors');
  return command.action(async (input: string, output: string, flags: CommonOptions) => {
    const converted = await convertTorch(input, output);
    printResult(flags, { input, output, ...converted }, () =>
      [
        `${converted.tensors} tensors, ${converted.bytes} bytes in ${output}`,
        ...(converted.skipped.length > 0 ? [`no tensors, left out: ${converted.skipped.join(', ')}`] : []),
      ].join('\n'),
    );
  });
}
