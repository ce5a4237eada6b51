import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { foldsOf, parseProtocol, protocolFolder } from '../../src/config/protocol.js';

const plain = (...domains: string[]) => domains.map((domain) => ({ domain, qualifiers: [] }));

function failure(text: string): UserError {
  try {
    parseProtocol(text);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error(`${text} was taken`);
}

describe('parseProtocol', () => {
  it.each(['O&C&I-to-M', 'OCI-to-M', 'O,C,I-to-M', ' O & C, I-to- M '])('reads %j', (text) => {
    expect(parseProtocol(text)).toEqual({ name: 'O&C&I-to-M', sources: plain('O', 'C', 'I'), targets: plain('M') });
  });

  it.each([
    ['M&I-to-C&O', 'M&I-to-C&O'],
    ['MI-to-CO', 'M&I-to-C&O'],
    ['I&C&M-to-O', 'I&C&M-to-O'],
    ['D-to-H', 'D-to-H'],
    ['Z,own_set2-to-Q', 'Z&own_set2-to-Q'],
    ['O&WMCA-to-M', 'O&WMCA-to-M'],
    ['OMI:print-to-CDH:replay+mask', 'O:print&M:print&I:print-to-C:replay+mask&D:replay+mask&H:replay+mask'],
    ['O:all-to-M:print+print', 'O:all-to-M:print'],
    ['O:train-to-O:test', 'O:train-to-O:test'],
  ])('writes %j as %j, which reads as the same', (text, name) => {
    const protocol = parseProtocol(text);
    expect(protocol.name).toBe(name);
    expect(parseProtocol(name)).toEqual(protocol);
  });

  it('keeps restrictions as lists', () => {
    const { sources, targets } = parseProtocol('O:print&C-to-I:replay + mask');
    expect(sources).toEqual([
      { domain: 'O', qualifiers: ['print'] },
      { domain: 'C', qualifiers: [] },
    ]);
    expect(targets).toEqual([{ domain: 'I', qualifiers: ['replay', 'mask'] }]);
  });

  it('answers a lone O, which is what the shell leaves of an unquoted O&C&I-to-M, with the quotes', () => {
    const error = failure('O');
    expect(error.message).toBe('the protocol "O" names no target domain');
    expect(error.hint).toContain("quotes around &: --protocol 'O&C&I-to-M'");
  });

  it.each([
    ['', 'names no target domain'],
    ['-to-M', 'names no source domain'],
    ['O&C-to-', 'names no target domain'],
    ['O&&C-to-M', '"" in the protocol'],
    ['O&C-to-M-to-I', 'more than one "-to-"'],
    ['O&C&O-to-M', 'names the source domain O twice'],
    ['OO-to-M', 'names the source domain O twice'],
    ['O:print&O:replay-to-M', 'names the source domain O twice'],
    ['O-to-M&M', 'names the target domain M twice'],
    ['O&C-to-C', 'has the domain C on both sides'],
    ['O:print-to-O', 'has the domain O on both sides'],
    ['O:all-to-O:print', 'has the domain O on both sides'],
    ['O:print+mask-to-O:replay+mask', 'has the domain O on both sides'],
    ['O:-to-M', '"O:" in the protocol'],
    ['O:a:b-to-M', '"O:a:b" in the protocol'],
    ['../x-to-M', '"../x" in the protocol'],
    ['O|C-to-M', '"O|C" in the protocol'],
  ])('refuses %j: %s', (text, message) => expect(failure(text).message).toContain(message));

  it.each([
    ['oulu/1', '1'],
    ['OULU/2', '2'],
    ['oulu/4/6', '4/6'],
  ])('reads %s, which came with the release', (text, official) => {
    const protocol = parseProtocol(text);
    expect(protocol).toEqual({ name: `oulu/${official}`, sources: plain('O'), targets: plain('O'), official });
    expect(parseProtocol(protocol.name)).toEqual(protocol);
  });

  it.each(['oulu', 'oulu/', 'oulu/5', 'oulu/1/1', 'oulu/3/7', 'oulu/3/1-to-M'])(
    'answers %s with those there are',
    (text) => {
      expect(failure(text).message).toBe(`OULU-NPU has no protocol "${text}"`);
      expect(failure(text).hint).toContain('oulu/4/1');
    },
  );

  it('does not take six folds for one', () => {
    expect(failure('oulu/3').message).toBe('the protocol "oulu/3" has six folds');
    expect(foldsOf('oulu/3')).toEqual([1, 2, 3, 4, 5, 6].map((fold) => `oulu/3/${fold}`));
    expect([foldsOf('oulu/1'), foldsOf('oulu/3/1'), foldsOf('O&C-to-M')]).toEqual([null, null, null]);
  });
});

describe('protocolFolder', () => {
  it('is the canonical expression', () => expect(protocolFolder(parseProtocol('OCI-to-M'))).toBe('O&C&I-to-M'));
  it('is one folder', () => expect(protocolFolder(parseProtocol('oulu/3/1'))).toBe('oulu-3-1'));
  it('has no colon, and stays one to one', () => {
    expect(protocolFolder(parseProtocol('O:print,C-to-I:replay+mask'))).toBe('O=print&C-to-I=replay+mask');
  });
});
