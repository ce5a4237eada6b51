/** README.md beside an exported model: the card in the form that model hubs read (Hugging Face's front matter), with no figure without its name. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { writeFileWhole } from '../base/files.js';
import { type Evaluation, isKnown } from '../evaluate/results.js';
import type { Exported } from '../run/models/export.js';
import type { ModelCard } from '../run/models/modelCard.js';
import { type RunFacts, RunFolder, readFacts } from '../run/runFolder.js';
import { EVAL_LEGEND, evalTables, headline, SYNTHETIC_NOTE, targetLine } from './evalTable.js';
import { percent, toMarkdown } from './table.js';

/** The run behind a model; parts that are not known are null. */
export interface CardOrigin {
  facts: RunFacts | null;
  evaluation: Evaluation | null;
}

/** Of a run's folder; nothing of a file of weights. */
export async function originOf(path: string): Promise<CardOrigin> {
  const folder = new RunFolder(path);
  return {
    facts: existsSync(folder.facts) ? await readFacts(folder) : null,
    evaluation: existsSync(folder.evaluation) ? JSON.parse(await readFile(folder.evaluation, 'utf8')) : null,
  };
}

const marker = /^# made by ldc export, ([0-9a-f]{64})$/m;

/** Writes README.md; one that somebody wrote, or changed, stays as it is. Returns its path, or null where it stayed. */
export async function writeHubCard({ model, card }: Exported, origin: CardOrigin): Promise<string | null> {
  const path = join(dirname(model), 'README.md');
  const before = await readFile(path, 'utf8').catch(() => null);
  if (before !== null && marker.exec(before)?.[1] !== digestOf(before.replace(marker, ''))) return null;
  const text = hubCard(basename(model), card, origin);
  await writeFileWhole(path, text.replace('\n', `\n# made by ldc export, ${digestOf(text.replace('\n', '\n\n'))}\n`));
  return path;
}

/** The text without the line that says that nobody changed it. */
export function hubCard(model: string, card: ModelCard, { facts, evaluation }: CardOrigin): string {
  const { method, variant, protocol, synthetic, threshold, preprocessing } = card;
  const name = [method, variant, protocol].filter((part) => part !== null).join(' ');
  // Only what was measured of this checkpoint, at this threshold.
  const measured = evaluation !== null && evaluation.checkpoint === card.checkpoint ? evaluation : null;
  const front = {
    license: 'unknown',
    library_name: 'onnx',
    pipeline_tag: 'image-classification',
    tags: ['face-anti-spoofing', 'presentation-attack-detection', method, ...(synthetic ? ['synthetic'] : [])],
    ...(measured !== null && { 'model-index': [{ name, results: resultsOf(measured, facts) }] }),
  };
  const { size, normalize, scale, shift } = preprocessing;
  const parts = [
    `---\n${stringify(front, { lineWidth: 0 }).replace('license: unknown', 'license: unknown # yours to choose')}---`,
    `# ${name}`,
    ...(synthetic
      ? [`> **${SYNTHETIC_NOTE}** This network was trained on drawn faces; its decisions on real ones mean nothing.`]
      : []),
    'Tells a live face from a presentation attack (a print, a replay) on one cropped face. The score is the probability of live.',
    measured === null ? '## Result\n\nNot measured: there is no evaluation of these weights.' : resultText(measured),
    [
      '## Threshold',
      '',
      `Live from ${threshold.frame} on for an image, from ${threshold.video} on for the mean of a video's images; chosen as \`${threshold.name}\`.`,
      threshold.name === 'source-dev-eer'
        ? 'It comes from held-out people of the source domains; no label of the target was used.'
        : '',
    ]
      .join('\n')
      .trimEnd(),
    ...(facts === null ? [] : [dataText(facts)]),
    [
      '## How to run it',
      '',
      '```sh',
      `ldc predict --model ${model} faces/`,
      '```',
      '',
      `Or with onnxruntime: input \`image\` float32 [N,3,${size},${size}], RGB, the face crop resized to ${size} × ${size}, value = pixel · scale + shift`,
      `(${normalize}: scale ${scale.join(', ')}; shift ${shift.join(', ')}); output \`score\` [N]${card.map_size === null ? '' : `, \`live_map\` and \`spoof_map\` [N,1,${card.map_size},${card.map_size}] from 0 to 255`}.`,
      `All of this stands in \`${model.replace(/\.onnx$/, '.json')}\` and in the metadata of the file itself. SHA-256 of the weights: \`${card.weights_sha256}\`.`,
    ].join('\n'),
    '## Limits\n\nFigures hold for the data, the crops and the subset that are named; other cameras, attacks and people may give others. Choose the licence above yourself: those of the training data may bind it.',
  ];
  return `${parts.join('\n\n')}\n`;
}

/** One entry a level: hubs show name and value alone, so the name holds threshold and convention. */
function resultsOf({ levels, targets, protocol, synthetic, convention }: Evaluation, facts: RunFacts | null) {
  const about = targets
    .map(({ domain, name, subset }) => `${name ?? domain}, subset ${subset ?? 'unknown'}`)
    .join('; ');
  return (['video', 'frame'] as const).map((level) => {
    const { auc, eer, thresholds } = levels[level];
    const source = thresholds['source-dev-eer'];
    const metric = (type: string, name: string, value: number) => ({
      type,
      name: `${name}, ${level} level, %`,
      value: Number(percent(value)),
    });
    return {
      task: { type: 'image-classification', name: 'face presentation attack detection' },
      dataset: {
        name: `${synthetic ? 'SYNTHETIC ' : ''}${about}`,
        type: targets.map(({ name, domain }) => (name ?? domain).toLowerCase()).join('+'),
        args: {
          protocol,
          convention,
          sha256: Object.fromEntries(targets.map(({ domain }) => [domain, facts?.data[domain]?.hash ?? null])),
        },
      },
      metrics: [
        ...(isKnown(source)
          ? [
              metric('hter', 'HTER at source-dev-eer', source.hter),
              metric('acer', 'ACER at source-dev-eer, worst attack type', source.acer),
            ]
          : []),
        metric('auc', 'AUC', auc),
        metric('eer', "EER (oracle: threshold from the target's labels)", eer),
      ],
    };
  });
}

function resultText(evaluation: Evaluation): string {
  return [
    '## Result',
    ...[headline(evaluation), ...evaluation.targets.map(targetLine)],
    ...evalTables(evaluation).map((table) => toMarkdown(table).trimEnd()),
    ...EVAL_LEGEND.map((note) => note.replaceAll('*', '\\*')),
  ].join('\n\n');
}

function dataText({ data, version, seed, device }: RunFacts): string {
  const rows = Object.entries(data).map(
    ([letter, { name, subset, hash }]) => `| ${letter} | ${name} | ${subset} | \`${hash}\` |`,
  );
  return [
    '## Data and training',
    '',
    '| domain | crop set | subset | SHA-256 |',
    '|---|---|---|---|',
    ...rows,
    '',
    `Trained by ldc ${version}, seed ${seed}, on ${device}.`,
  ].join('\n');
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
