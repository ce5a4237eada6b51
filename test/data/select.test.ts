import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.js';
import { parseProtocol } from '../../src/config/protocol.js';
import type { CropSet } from '../../src/data/cropSet.js';
import type { Frame } from '../../src/data/manifest.js';
import { select, selectSides } from '../../src/data/select.js';
import { frame } from './helpers.js';

/** One frame of each split and attack type. */
function cropSet(letter: string, subsets: CropSet['subsets'] = {}): CropSet {
  const frames = (['train', 'dev', 'test'] as const).flatMap((split) =>
    ['live', 'print', 'replay', 'mask'].map((attackType) =>
      frame({ domain: letter, split, attackType, label: attackType === 'live' ? 'live' : 'spoof' }),
    ),
  );
  const audit = { missing: [], unreadable: [], short: [], faceless: [], jumping: [], extra: [] };
  return {
    dir: `/data/${letter}`,
    name: `set ${letter}`,
    letter,
    synthetic: true,
    recipe: {},
    subsets,
    published: {},
    audit,
    origins: { labels: {}, subjects: {}, videos: {} },
    frames,
    hash: 'h',
  };
}

const kinds = (frames: readonly Frame[]) => frames.map(({ split, attackType }) => `${split} ${attackType}`);
const spec = (...qualifiers: string[]) => ({ domain: 'O', qualifiers });

function failure(work: () => unknown): UserError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error('nothing was thrown');
}

describe('select', () => {
  const plain = cropSet('O');
  const oulu = cropSet('O', { default: { splits: ['train', 'test'] }, held: { splits: ['dev'] } });

  it('takes everything without qualifiers', () => {
    const selection = select(plain, spec());
    expect(selection).toMatchObject({
      domain: 'O',
      name: 'set O',
      synthetic: true,
      hash: 'h',
      subset: 'all',
      attackTypes: null,
    });
    expect(selection.frames).toEqual(plain.frames);
  });

  it('keeps live frames and the attacks that are named', () => {
    const selection = select(plain, spec('print', 'mask'));
    expect(selection.attackTypes).toEqual(['print', 'mask']);
    expect(kinds(selection.frames).slice(0, 3)).toEqual(['train live', 'train print', 'train mask']);
    expect(selection.frames).toHaveLength(9);
  });

  it('takes the default subset of the set, another by name, and all of it on request', () => {
    expect(new Set(select(oulu, spec()).frames.map(({ split }) => split))).toEqual(new Set(['train', 'test']));
    expect(select(oulu, spec()).subset).toBe('default');
    expect(kinds(select(oulu, spec('held', 'replay')).frames)).toEqual(['dev live', 'dev replay']);
    expect(select(oulu, spec('all'))).toMatchObject({ subset: 'all', frames: oulu.frames });
  });

  it('calls a subset partial that has fewer videos than are published, and no other', () => {
    const published = { all: { live: 3, attack: 9 }, default: { live: 2, attack: 7 } };
    const short = { ...oulu, published };
    expect(select(short, spec('all'))).toMatchObject({ name: 'set O', partial: null });
    expect(select(short, spec('held'))).toMatchObject({ name: 'set O', partial: null });
    expect(select(short, spec('print'))).toMatchObject({
      name: 'set O (partial)',
      partial: 'O:default of set O is partial: 2 live and 6 attack videos of the 2 and 7 of the full release',
    });
  });

  it('lists what there is for a qualifier that there is not', () => {
    const error = failure(() => select(oulu, spec('prnt')));
    expect(error.message).toBe('O:prnt asks for "prnt", which set O in /data/O does not have');
    expect(error.hint).toBe('attack types there: mask, print, replay; subsets: all, default, held');
  });

  it('refuses two subsets, and what leaves nothing', () => {
    expect(failure(() => select(oulu, spec('all', 'held'))).message).toContain('names two subsets');
    const none = { ...oulu, frames: oulu.frames.filter(({ split }) => split !== 'dev') };
    expect(failure(() => select(none, spec('held'))).message).toContain('O:held has no frames');
  });
});

describe('selectSides', () => {
  const subsets = { train: { splits: ['train' as const] }, test: { splits: ['test' as const] } };
  const sets = new Map(['O', 'C', 'I'].map((letter) => [letter, cropSet(letter, subsets)]));

  it('gives both sides in the order of the protocol', () => {
    const { sources, targets } = selectSides(sets, parseProtocol('I:print&O-to-C:test'));
    expect(sources.map(({ domain, attackTypes }) => [domain, attackTypes])).toEqual([
      ['I', ['print']],
      ['O', null],
    ]);
    expect(kinds(targets[0]!.frames)).toEqual(['test live', 'test print', 'test replay', 'test mask']);
  });

  it('names the domains there are for one that there is not', () => {
    const error = failure(() => selectSides(sets, parseProtocol('O&C-to-M')));
    expect(error.message).toBe('the data have no domain M, which the protocol O&C-to-M names');
    expect(error.hint).toBe('domains there: O (set O), C (set C), I (set I)');
  });

  it('lets parts of one domain stand on both sides only when they share no video', () => {
    expect(selectSides(sets, parseProtocol('O:train-to-O:test')).targets[0]!.frames).toHaveLength(4);
    expect(failure(() => selectSides(sets, parseProtocol('O:print-to-O:replay'))).message).toMatch(
      /video ".*" of O on both sides/,
    );
  });
});
