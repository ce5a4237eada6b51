/** What the functions of a user's own method give is checked as it comes, so that a mistake is named where it was made. */
import { UserError } from '../base/errors.js';
import { Module } from '../engine/nn/module.js';
import { Tensor } from '../engine/tensor.js';
import type { Method, Terms, Training } from './method.js';
import { softmaxScore } from './softmaxScore.js';

export const contractHint = 'docs/methods.md has the contract';

/** @param path of the module, for messages. @throws UserError from the functions of what it returns */
export function checkedMethod(method: Method, path: string): Method {
  const refuse = (what: string): never => {
    throw new UserError(`the method in ${path}: ${what}`, contractHint);
  };
  const { features } = method;
  return {
    ...method,
    network(...call) {
      const network: unknown = method.network(...call);
      return network instanceof Module ? network : refuse('network gives no module');
    },
    training: (start) => checkedTraining(method.training(start), start.frames.length, refuse),
    outputs(network, images) {
      const outputs = method.outputs(network, images);
      if (!isRows(outputs?.values, images)) refuse(`outputs gives no values [${images.shape[0]},K]`);
      return outputs;
    },
    score(values, config) {
      if (method.score === softmaxScore && values.length !== 2) {
        refuse(
          `outputs gives ${values.length} values an image; where there is no score, they are two: attack and live`,
        );
      }
      const score: unknown = method.score(values, config);
      if (typeof score !== 'number' || score < 0 || score > 1) refuse(`score gives ${score}, not a number from 0 to 1`);
      return score as number;
    },
    ...(features && {
      features(network, images) {
        const feature = features(network, images);
        return isRows(feature, images) ? feature : refuse(`features gives no tensor [${images.shape[0]},F]`);
      },
    }),
  };
}

function isRows(value: unknown, images: Tensor): boolean {
  return value instanceof Tensor && value.shape.length === 2 && value.shape[0] === images.shape[0];
}

function checkedTraining(training: Training, frames: number, refuse: (what: string) => never): Training {
  const is = (value: unknown, type: string) => typeof value === type;
  const { epochs, views = 1, optimizer, schedule, afterStep } = training ?? {};
  const wrong = [
    [is(training?.title, 'string'), 'title (a text)'],
    [Number.isSafeInteger(epochs) && epochs > 0, 'epochs (a whole number of at least 1)'],
    [is(training?.batches, 'function'), 'batches (a function)'],
    [Number.isSafeInteger(views) && views > 0, 'views (a whole number of at least 1)'],
    [Array.isArray(optimizer?.parameters) && is(optimizer.step, 'function'), 'optimizer (nn.Adam, nn.Sgd)'],
    [schedule === undefined || is(schedule, 'function'), 'schedule (a function)'],
    [is(training?.loss, 'function'), 'loss (a function)'],
    [afterStep === undefined || is(afterStep, 'function'), 'afterStep (a function)'],
    [is(training?.dispose, 'function'), 'dispose (a function)'],
  ].flatMap(([right, part]) => (right ? [] : [part]));
  if (wrong.length > 0) refuse(`what training gives lacks, or has wrong: ${wrong.join(', ')}`);
  const inside = (position: unknown) =>
    Number.isInteger(position) && 0 <= Number(position) && Number(position) < frames;
  return Object.assign(Object.create(training) as Training, {
    batches(epoch: number) {
      const batches: unknown = training.batches(epoch);
      const good = (batch: unknown) => Array.isArray(batch) && batch.length > 0 && batch.every(inside);
      if (Array.isArray(batches) && batches.length > 0 && batches.every(good)) return batches as number[][];
      return refuse(
        `batches(${epoch}) gives no list of lists of positions from 0 to ${frames - 1}, none of them empty`,
      );
    },
    loss(batch: Parameters<Training['loss']>[0]) {
      const terms = training.loss(batch) as Terms | undefined;
      const all = Object.entries({ loss: terms?.loss, ...terms });
      const bad = all.find(([, term]) => !(term instanceof Tensor) || term.shape.length > 0);
      return bad === undefined ? (terms as Terms) : refuse(`${bad[0]}, of what loss gives, is no scalar on the device`);
    },
  });
}
