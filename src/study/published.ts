/**
 * Published leave-one-out figures over O (OULU-NPU), C (CASIA-FASD), I (Replay-Attack) and M (MSU-MFSD), in percent, to stand beside
 * a study's own. Only rows that were read in the source named; each says by which convention it was made, where that is known.
 */
import type { Protocol } from '../config/protocol.js';

export interface PublishedRow {
  method: string;
  venue: string;
  /** How threshold, frames and epoch were chosen. */
  convention: string;
  /** HTER and AUC in percent, by the letter of the target domain. */
  figures: Readonly<Record<'M' | 'C' | 'I' | 'O', readonly [hter: number, auc: number]>>;
}

export const publishedSource =
  'Published rows as collected in the FLIP benchmark table (github.com/koushiksrivats/FLIP, docs/static/images/benchmark-1.png) and in the README of ' +
  'GAC-FAS (github.com/leminhbinh0209/CVPR24-FAS); conventions as read in the code of the methods.';

const unknown = 'convention not stated';
const noEvaluation = 'released code has no evaluation';
const ssdg = 'target EER*, video, 2 frames, best epoch on target*';
const ssan = 'target EER*, video, 8 frames, best epoch on target*';

export const publishedRows: readonly PublishedRow[] = [
  row('MADDG', 'CVPR19', noEvaluation, [17.69, 88.06], [24.5, 84.51], [22.19, 84.99], [27.98, 80.02]),
  row('RFMeta', 'AAAI20', noEvaluation, [13.89, 93.98], [20.27, 88.16], [17.3, 90.48], [16.45, 91.16]),
  row('SSDG-M', 'CVPR20', ssdg, [16.67, 90.47], [23.11, 85.45], [18.21, 94.61], [25.17, 81.83]),
  row('SSDG-R', 'CVPR20', ssdg, [7.38, 97.17], [10.44, 95.94], [11.71, 96.59], [15.61, 91.54]),
  row('NAS-FAS', 'TPAMI20', unknown, [16.85, 90.42], [15.21, 92.64], [11.63, 96.98], [13.16, 94.18]),
  row('D2AM', 'AAAI21', unknown, [12.7, 95.66], [20.98, 85.58], [15.43, 91.22], [15.27, 90.87]),
  row('DRDG', 'IJCAI21', unknown, [12.43, 95.81], [19.05, 88.79], [15.56, 91.79], [15.63, 91.75]),
  row('ANRL', 'MM21', unknown, [10.83, 96.75], [17.85, 89.26], [16.03, 91.04], [15.67, 91.9]),
  row('FGHV', 'AAAI22', unknown, [9.17, 96.92], [12.47, 93.47], [16.29, 90.11], [13.58, 93.55]),
  row('SSAN-R', 'CVPR22', ssan, [6.67, 98.75], [10, 96.67], [8.88, 96.79], [13.72, 93.63]),
  row('PatchNet', 'CVPR22', unknown, [7.1, 98.46], [11.33, 94.58], [13.4, 95.67], [11.82, 95.07]),
  row('DiVT-M', 'WACV23', unknown, [2.86, 99.14], [8.67, 96.62], [3.71, 99.29], [13.06, 94.04]),
  row('ViT', 'ECCV22, + CelebA-Spoof', unknown, [1.58, 99.68], [5.7, 98.91], [9.25, 97.15], [7.47, 98.42]),
  row(
    'FLIP-MCL',
    'ICCV23, CLIP, + CelebA-Spoof',
    'target EER*, video, 2 frames, checked on target in training*',
    [4.95, 98.11],
    [0.54, 99.98],
    [4.25, 99.07],
    [2.31, 99.63],
  ),
];

/** HTER and AUC as fractions where `protocol` is one of the four that the rows are about, whole domains on both sides. */
export function publishedFigures({ figures }: PublishedRow, protocol: Protocol): { hter: number; auc: number } | null {
  const { sources, targets } = protocol;
  const whole = [...sources, ...targets].every(({ qualifiers }) => qualifiers.length === 0);
  const domains = [...sources, ...targets].map(({ domain }) => domain).sort();
  if (!whole || targets.length !== 1 || domains.join('') !== 'CIMO') return null;
  const [hter, auc] = figures[targets[0]!.domain as keyof typeof figures];
  return { hter: hter / 100, auc: auc / 100 };
}

function row(
  method: string,
  venue: string,
  convention: string,
  m: readonly [number, number],
  c: readonly [number, number],
  i: readonly [number, number],
  o: readonly [number, number],
): PublishedRow {
  return { method, venue, convention, figures: { M: m, C: c, I: i, O: o } };
}
