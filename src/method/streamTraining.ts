/** What the trainings of ERM and SSDG share (methods, sections 2.4 and 2.5): batches from streams, SGD, and a rate that falls to a tenth. */
import type { Config } from '../config/schema.js';
import { Sgd } from '../engine/optim/optimizers.js';
import { phases } from '../engine/optim/schedules.js';
import type { Tensor } from '../engine/tensor.js';
import type { Network, Training, TrainingStart } from './method.js';
import type { StreamSettings } from './streamKeys.js';
import { epochSteps, epochsOf, sourceStreams, streamBatches } from './streams.js';

/** @param settings with `lr_drop` settled */
export function streamTraining(
  { config: { seed, train }, device, frames }: TrainingStart<Config, Network>,
  { steps, batch: size, frame, lr, lr_drop, momentum, weight_decay: weightDecay }: StreamSettings,
  parameters: readonly Tensor[],
): Pick<Training, 'epochs' | 'batches' | 'schedule'> & { optimizer: Sgd } {
  const streams = sourceStreams(frames, frame);
  const optimizer = new Sgd(device, parameters, { lr, momentum, weightDecay });
  const rate = phases(lr, { ends: [Number(lr_drop)], length: epochSteps });
  return {
    epochs: epochsOf(train.epochs, steps),
    batches: (epoch) => streamBatches(streams, { size, seed, steps }, epoch),
    optimizer,
    schedule({ steps: done }) {
      optimizer.lr = rate(done);
    },
  };
}
