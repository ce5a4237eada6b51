import { expect, it } from 'vitest';
import { protocolCompletions } from '../../src/cli/completion.js';
import { foldsOf, parseProtocol } from '../../src/config/protocol.js';

const proposed = (typed: string) => protocolCompletions(typed).map(([expression]) => expression);

it('proposes whole protocols, all of which can be meant', () => {
  for (const expression of proposed('').filter((each) => /-to-|\//.test(each))) {
    if (!foldsOf(expression)) expect(parseProtocol(expression).name).not.toBe('');
  }
  expect(proposed('siwm/half')).toEqual(['siwm/half_mask']);
  expect(proposed('o&c&i+')).toEqual(['O&C&I+M:5-to-M']);
});

it('goes on behind a sign with the names of releases', () => {
  expect(proposed('wmca&ce')).toEqual(['wmca&cefa-to-surf', 'wmca&celeba-spoof', 'wmca&cefa']);
  expect(proposed('O&C-to-ms')).toEqual(['O&C-to-msu']);
  expect(proposed('rep')).toEqual(['replay']);
});
