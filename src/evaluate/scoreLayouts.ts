/** How other people's score files are laid out: bob's text columns and CSV, and lines of a score and a label. */
import { UserError } from '../base/errors.js';
import { isNumber, meaningOf } from '../data/words.js';
import type { ScoreRow } from './scores.js';

/** Cuts a line into its cells: at a character, quotes meaning what they mean in CSV, or at blanks. */
export type Separator = ',' | ';' | '\t' | 'blanks';

/** In the order in which they are tried: blanks may be part of a name, commas of a number. */
export const separators: readonly Separator[] = ['\t', ';', 'blanks', ','];

/** What a score file's layout is told apart by, and how a row is read. */
export interface Layout {
  separator: Separator;
  /** The first line names the columns. */
  header: boolean;
  columns: number;
  /** A column says of each row what it is, in words that `--live-label` may explain. */
  labelled?: boolean;
  /** A name may stand for several presentations: where it does, it names no video. */
  looseVideos?: boolean;
  /** @param line of the file, from 1; `number` of the row among the rows, from 1 */
  row(cells: string[], line: number, number: number): ScoreRow;
}

/** Cells of the file at hand, read with errors that name it. */
export interface Cells {
  path: string;
  /** The label that means live, where the user says so. */
  liveLabel?: string | undefined;
  /** A number, or NaN for what was not acquired. */
  score(text: string, line: number): number;
  /** What a reader must know of how the rows were taken. */
  notes: Set<string>;
}

/** Columns that bob's CSV must have; others, such as `sample_n` and the metadata of a data set, may stand between. */
const bobColumns = ['claimed_id', 'test_label', 'is_bonafide', 'attack_type', 'score'];

/** How headers name the two columns that tell all, and one for the sample. What names an attack, as `is_spoof`, is none of them. */
const scoreNames = /^(?:(?:y_|live_)?(?:scores?|prob(?:s|ability)?|pred(?:ictions?|s)?)|confidence|conf|liveness)$/i;
const labelNames = /^(?:labels?|y_?true|y|gt|ground_?truth|targets?|class|is_?(?:live|real|bonafide))$/i;
const sampleNames = /^(?:(?:file|image|img|sample|video)?_?(?:path|name|id)|file|image|img|sample|video)$/i;

/**
 * The layout that the first lines of a file, cut into cells, are of; undefined where it is none of these.
 * @param lines the first one tells, further ones which of two numbers is the label
 */
export function foreignLayout(
  lines: readonly (readonly string[])[],
  separator: Separator,
  file: Cells,
): Layout | undefined {
  const [cells] = lines as [readonly string[]];
  if (bobColumns.every((name) => cells.includes(name))) return bobCsv(cells, separator, file);
  const place = (names: RegExp) => cells.findIndex((cell) => names.test(cell));
  const named = { score: place(scoreNames), label: place(labelNames), sample: place(sampleNames) };
  if (named.score >= 0 && named.label >= 0 && cells.length === (named.sample < 0 ? 2 : 3)) {
    return { ...scoreLabel(named, cells.length, separator, file), header: true };
  }
  if (separator === 'blanks' && cells.slice(0, -1).some((cell) => cell.endsWith(','))) return undefined;
  const isScore = (text: string | undefined) => text !== undefined && scorePattern.test(text.trim());
  if (cells.length === 2) {
    const isLabel = (text: string) =>
      file.liveLabel === undefined ? meaningOf(text) !== null : !isScore(text) || Number.isInteger(Number(text));
    const fits = (row: readonly string[], score: 0 | 1) =>
      row.length === 2 && isScore(row[score]) && isLabel(row[1 - score]!);
    const orders = [0, 1] as const;
    const ofAll = orders.find((score) => lines.every((row) => fits(row, score)));
    const score = ofAll ?? orders.find((each) => fits(cells, each));
    if (score !== undefined) return scoreLabel({ score, label: 1 - score, sample: -1 }, 2, separator, file);
  }
  if ((cells.length === 4 || cells.length === 5) && isScore(cells.at(-1))) {
    return textColumns(cells.length, separator, file);
  }
  return undefined;
}

const scorePattern = /^[+-]?(?:nan|inf(?:inity)?|(?:\d+\.?|\d*[.,]\d+)(?:e[+-]?\d+)?)$/i;

/**
 * bob: `claimed_id real_id test_label score`, and with the model's label behind the first one. Bona fide where the two identities agree; otherwise
 * the second one names the attack.
 */
function textColumns(columns: 4 | 5, separator: Separator, file: Cells): Layout {
  return {
    ...{ separator, header: false, columns, looseVideos: true },
    row(cells, line) {
      const [claimed, real, label, score] = (columns === 4 ? cells : cells.toSpliced(1, 1)).map((cell) => cell.trim());
      const live = claimed === real;
      return {
        path: label!,
        domain: '',
        subject: claimed!,
        video: label!,
        frame: '0',
        label: live ? 'live' : 'spoof',
        attackType: live ? 'live' : real!,
        score: file.score(score!, line),
      };
    },
  };
}

/** The CSV of bob's PAD experiments. One test_label stands for attacks of several types: with claimed_id and attack_type it is a video. */
function bobCsv(names: readonly string[], separator: Separator, file: Cells): Layout {
  const [claimed, label, bonafide, type, score] = bobColumns.map((name) => names.indexOf(name)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const sample = names.indexOf('sample_n');
  const extras = [...names.entries()].filter(([, name]) => ![...bobColumns, 'sample_n'].includes(name));
  return {
    ...{ separator, header: true, columns: names.length },
    row(cells, line) {
      const said = cells[bonafide]!.trim();
      const live = /^(?:true|1)$/i.test(said);
      if (!live && !/^(?:false|0)$/i.test(said)) {
        throw new UserError(
          `is_bonafide ${JSON.stringify(said)} is neither True nor False, ${file.path} line ${line}`,
          'bob writes True for bona fide and False for attacks',
        );
      }
      const attackType = live ? 'live' : cells[type]! || 'unknown';
      const video = [cells[label], cells[claimed], attackType].join(' ');
      const frame = sample < 0 ? '0' : cells[sample]!;
      return {
        path: sample < 0 ? video : `${video} ${frame}`,
        domain: '',
        subject: cells[claimed]!,
        video,
        frame,
        label: live ? 'live' : 'spoof',
        attackType,
        score: file.score(cells[score]!, line),
        ...(extras.length > 0 && { extra: Object.fromEntries(extras.map(([k, name]) => [name, cells[k]!])) }),
      };
    },
  };
}

/** `score label` as training scripts write it, perhaps with the sample's name: every row is a sample and a video of its own. */
function scoreLabel(
  at: { score: number; label: number; sample: number },
  columns: number,
  separator: Separator,
  file: Cells,
): Layout {
  return {
    ...{ separator, header: false, columns, labelled: true, looseVideos: at.sample >= 0 },
    row(cells, line, number) {
      const said = cells[at.label]!.trim();
      const label = meaningOf(said, file.liveLabel);
      if (label === null) {
        throw new UserError(
          `label ${JSON.stringify(said)} is not known to be live or an attack, ${file.path} line ${line}`,
          'say which label is live, all others being attacks: --live-label VALUE',
        );
      }
      if (isNumber(said) && file.liveLabel === undefined) {
        file.notes.add(`the label 1 is taken for live in ${file.path}; --live-label VALUE says otherwise`);
      }
      const name = cells[at.sample] ?? `row ${number}`;
      // A label of several for attacks, as 0 live, 1 print, 2 replay, names the species.
      const attackType = label === 'live' ? 'live' : meaningOf(said) === 'spoof' ? 'unknown' : said;
      const score = file.score(cells[at.score]!, line);
      return { path: name, domain: '', subject: '', video: name, frame: '0', label, attackType, score };
    },
  };
}
