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
    ['O&WMCA-to-M', 'O&W-to-M'],
    ['wmca&cefa-to-surf', 'W&cefa-to-surf'],
    ['celeba-spoof-to-O&C&I&M', 'A-to-O&C&I&M'],
    ['rose-youtu,3dmad:mask-to-SURF,HiFiMask:all', 'R&D:mask-to-surf&hifimask:all'],
    ['Wmca-to-siwm', 'W-to-siwm'],
    ['our-set-to-visits', 'our-set-to-visits'],
    ['O&C&I+M:5-to-M', 'O&C&I+M:5-to-M'],
    ['OCI + msu : 5-to-msu&casia-x', 'O&C&I+M:5-to-M&casia-x'],
    ['O:print&C:replay+M:1-to-M:print', 'O:print&C:replay+M:1-to-M:print'],
    ['O&C&I+M:0-to-M', 'O&C&I-to-M'],
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

  it('adds people of a target', () => {
    const { sources, targets, fewShot } = parseProtocol('O&C:replay+M:5-to-M&I');
    expect([sources.map(({ domain }) => domain), targets.map(({ domain }) => domain)]).toEqual([
      ['O', 'C'],
      ['M', 'I'],
    ]);
    expect(sources[1]!.qualifiers).toEqual(['replay']);
    expect(fewShot).toEqual({ domain: 'M', people: 5 });
  });

  it('asks what capitals mean that are the name of a set as well', () => {
    for (const text of ['WMCA-to-O', 'O-to-WMCA:print']) {
      const { message, hint } = failure(text);
      expect(message).toContain('WMCA in the protocol');
      expect(hint).toBe('write wmca, or W&M&C&A');
    }
    expect(parseProtocol('WMCA&O-to-I').name).toBe('W&O-to-I');
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
    ['O--C-to-M', '"O--C" in the protocol'],
    ['constructor-to-M-', '"M-" in the protocol'],
    ['O&C+I:5-to-M', 'trains on people of I, which is no target'],
    ['O&M+M:5-to-M', 'has the domain M on both sides'],
    ['+M:5-to-M', 'names no source domain'],
    ['wmca&W-to-M', 'names the source domain W twice'],
    ['siwm/papier', 'SiW-M v2 has no protocol "siwm/papier"'],
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

  it.each([
    ['siwm/half_mask', 'siwm', 'half_mask'],
    ['SIWM/Replay', 'siwm', 'replay'],
    ['WFAS', 'wfas', 'parts'],
  ])('reads %s, the protocol of a release', (text, letter, official) => {
    const protocol = parseProtocol(text);
    expect(protocol).toEqual({ name: text.toLowerCase(), sources: plain(letter), targets: plain(letter), official });
    expect(parseProtocol(protocol.name)).toEqual(protocol);
  });

  it('has fourteen folds of SiW-M v2', () => {
    expect(foldsOf('siwm')).toHaveLength(14);
    for (const fold of foldsOf('siwm')!) expect(parseProtocol(fold).name).toBe(fold);
    expect(failure('siwm').message).toContain('leaves out each of fourteen attacks');
  });

  it('does not take six folds for one', () => {
    expect(failure('oulu/3').message).toBe('the protocol "oulu/3" has six folds');
    expect(foldsOf('oulu/3')).toEqual([1, 2, 3, 4, 5, 6].map((fold) => `oulu/3/${fold}`));
    expect([foldsOf('oulu/1'), foldsOf('oulu/3/1'), foldsOf('O&C-to-M')]).toEqual([null, null, null]);
  });
});

describe('protocolFolder', () => {
  it('is the canonical expression', () => expect(protocolFolder(parseProtocol('OCI-to-M'))).toBe('O&C&I-to-M'));
  it('is one folder', () => expect(protocolFolder(parseProtocol('oulu/3/1'))).toBe('oulu-3-1'));
  it('says few-shot', () => expect(protocolFolder(parseProtocol('OC+M:5-to-M'))).toBe('O&C+M=5-to-M'));
  it('has no colon, and stays one to one', () => {
    expect(protocolFolder(parseProtocol('O:print,C-to-I:replay+mask'))).toBe('O=print&C-to-I=replay+mask');
  });
});
