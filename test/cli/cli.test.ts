/** The command line as a user has it: child processes on real image files, exit statuses, one-sentence errors. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../formats/readEvents.js';
import { meanModel } from '../run/models/meanModel.js';

const binary = fileURLToPath(new URL('../../bin/ldc.js', import.meta.url));
const hostile = fileURLToPath(new URL('../fixtures/files/malicious_zip.pth', import.meta.url));
let folder: string;

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function ldc(args: readonly string[], interruptAt?: RegExp): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [binary, ...args], { cwd: folder });
    let [stdout, stderr] = ['', ''];
    let interrupted = false;
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
      if (!interrupted && interruptAt?.test(stderr)) {
        interrupted = true;
        child.kill('SIGINT');
      }
    });
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

const settings = [
  ...['--set', 'data.image_size=32', '--set', 'model.map_size=8', '--set', 'activation.epochs=1'],
  ...['--set', 'activation.batch_size=12', '--set', 'train.per_domain={live: 2, spoof: 2}', '--threads', '1'],
];
const protocol = ['--protocol', 'O&C&I-to-M'];
const run = 'runs/O&C&I-to-M/first';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ldc-cli-'));
  const made = await ldc(['synth', '--out', 'data', '--subjects', '8', '--frames', '1', '--size', '32', '--json']);
  expect(made.status).toBe(0);
  expect(JSON.parse(made.stdout)).toMatchObject({ images: 96 });
  const trained = await ldc(['train', ...protocol, ...settings, '--name', 'first', '--epochs', '2']);
  expect(trained.stderr).not.toContain('error');
  expect(trained.status).toBe(0);
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a run', () => {
  it('leaves what the contract names', async () => {
    const files = [
      'config.yaml',
      'run.json',
      'metrics.jsonl',
      'checkpoints/epoch-0002.safetensors',
      'checkpoints/epoch-0002.state.safetensors',
    ];
    for (const file of files) expect(existsSync(join(folder, run, file)), file).toBe(true);
    const facts = JSON.parse(await readFile(join(folder, run, 'run.json'), 'utf8'));
    expect(facts).toMatchObject({ protocol: 'O&C&I-to-M', seed: 0, synthetic: true, epochs: 2, finished: true });
    expect(Object.keys(facts.data).sort()).toEqual(['C', 'I', 'M', 'O']);
    const lines = (await readFile(join(folder, run, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const line = JSON.parse(lines[0]!);
    expect(Object.keys(line)).toEqual([
      'epoch',
      'step',
      'loss',
      'ce',
      'triplet',
      'live_map',
      'spoof_map',
      'learning_rate',
      'images_per_s',
      'seconds',
    ]);
    expect(Object.keys(line.seconds)).toEqual(['load', 'wait', 'forward', 'backward', 'optimizer']);
    expect(line.loss).toBeCloseTo(line.ce + 0.004 * (line.live_map + line.spoof_map) + 0.1 * line.triplet, 3);
  });

  it('is evaluated on the unseen target with named thresholds', async () => {
    const { status, stdout } = await ldc(['eval', '--run', run, '--json', '--quiet']);
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      protocol: 'O&C&I-to-M',
      checkpoint: 'epoch-0002',
      engine: 'native',
      convention: 'honest',
      synthetic: true,
    });
    expect(result.targets).toMatchObject([{ domain: 'M', videos: { live: 8, attack: 16 }, frames: 24 }]);
    expect(Object.keys(result.levels.video.thresholds)[0]).toBe('source-dev-eer');
    expect(result.levels.video.thresholds['target-eer'].oracle).toBe(true);
    // The score file alone gives the same figures.
    const scores = join(run, 'scores', 'epoch-0002-target.csv');
    const again = JSON.parse((await ldc(['eval', '--scores', scores, '--json'])).stdout);
    expect(again.levels.frame.auc).toBeCloseTo(result.levels.frame.auc, 12);
  });

  it('has the same bits whether it is written for TensorBoard, with pictures of its maps, or not', async () => {
    const plain = ['--set', 'log.tensorboard=false', '--name', 'plain', '--epochs', '2', '--quiet'];
    const { status, stderr } = await ldc(['train', ...protocol, ...settings, ...plain]);
    expect(status, stderr).toBe(0);
    const bytes = (name: string) =>
      readFile(join(folder, 'runs/O&C&I-to-M', name, 'checkpoints', 'epoch-0002.safetensors'));
    expect((await bytes('plain')).equals(await bytes('first'))).toBe(true);
    await rm(join(folder, 'runs/O&C&I-to-M/plain'), { recursive: true });
  });

  it('remembers its data, also where both were moved, and says where they were', async () => {
    const moved = join('elsewhere', run);
    await cp(join(folder, run), join(folder, moved), { recursive: true });
    await rm(join(folder, moved, 'eval.json'), { force: true });
    const gone = await ldc(['eval', '--run', moved, '--quiet']);
    expect(gone.status).toBe(2);
    expect(gone.stderr).toContain('the data folder elsewhere/data does not exist');
    expect((await ldc(['doctor', '--run', moved])).stdout).toMatch(/look at data +the data folder elsewhere\/data/);
    await cp(join(folder, 'data'), join(folder, 'elsewhere', 'data'), { recursive: true });
    const { status, stderr } = await ldc(['eval', '--run', moved, '--quiet']);
    expect(status, stderr).toBe(0);
    expect((await ldc(['doctor', '--run', moved])).stdout).toMatch(/ok +data +elsewhere\/data, as they were/);
    await rm(join(folder, 'elsewhere'), { recursive: true });
  });

  it('is compared, averaged, broken down, corrupted, and its maps are held against Grad-CAM', async () => {
    const json = async (...args: string[]) => {
      const { status, stdout, stderr } = await ldc(['eval', ...args, '--json', '--quiet']);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      return JSON.parse(stdout);
    };
    const result = await json('--run', run, '--by', 'attack_type,subject', '--corrupt', 'jpeg', '--maps');
    expect(result.breakdown.columns.attack_type.map(({ group }: { group: string }) => group)).toEqual([
      'print',
      'replay',
    ]);
    expect(result.corruptions.curves.jpeg).toHaveLength(6);
    expect(result.corruptions.curves.jpeg[0].auc).toBeCloseTo(result.levels.video.auc, 12);
    expect(result.map_overlap.overlap.all.images).toBe(24);
    expect(Object.keys(result.map_overlap.overlap)).toEqual(['all', 'live', 'print', 'replay']);

    const earlier = join(run, 'scores', 'epoch-0001-target.csv');
    const paper = await json('--run', run, '--convention', 'paper');
    expect(paper.paper.epochs).toHaveLength(2);
    expect(paper.paper).toMatchObject({ oracle: true, level: 'frame' });
    const compared = await json('--compare', earlier, run);
    expect(compared.targets).toEqual(result.targets);
    expect(compared.levels.video.auc.b).toBeCloseTo(result.levels.video.auc, 12);
    const several = await json('--scores', earlier, join(run, 'scores', 'epoch-0002-target.csv'));
    expect(several.seeds.video.auc).toMatchObject({
      n: 2,
      mean: (several.runs[0].levels.video.auc + several.runs[1].levels.video.auc) / 2,
    });
    const dev = join(run, 'scores', 'epoch-0002-source-dev.csv');
    const withSource = await json('--scores', several.runs[1].name, '--source-scores', dev);
    expect(withSource.levels.video.thresholds['source-dev-eer']).toEqual(
      result.levels.video.thresholds['source-dev-eer'],
    );
  }, 240_000);

  it('is bit-identical when it is trained again with other threads, and when it is interrupted and resumed', async () => {
    const model = async (name: string) =>
      readFile(join(folder, 'runs/O&C&I-to-M', name, 'checkpoints/epoch-0002.safetensors'));
    const first = await model('first');
    const more = [...settings.slice(0, -1), '2', '--epochs', '2', '--set', 'train.save_every=2'];
    const second = await ldc(['train', ...protocol, ...more, '--name', 'second']);
    expect(second.status).toBe(0);
    expect((await model('second')).equals(first)).toBe(true);

    const stopped = await ldc(['train', ...protocol, ...more, '--name', 'third'], /recognises|development/);
    if (stopped.status === 130) {
      expect(stopped.stderr).toContain('--resume');
      expect((await ldc(['train', ...protocol, ...more, '--name', 'third', '--resume'])).status).toBe(0);
    }
    expect((await model('third')).equals(first)).toBe(true);
    const third = join(folder, 'runs/O&C&I-to-M/third');
    const metrics = (await readFile(join(third, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const losses = readEvents(third).flatMap(({ step, values }) =>
      values.flatMap(({ tag, scalar }) => (tag === 'loss/loss' ? [{ step, loss: scalar }] : [])),
    );
    const once = metrics.map((line) => JSON.parse(line)).map(({ step, loss }) => ({ step, loss: Math.fround(loss) }));
    expect(losses).toEqual(once);
  }, 120_000);

  it('goes on in bf16, is evaluated in it, and says so', async () => {
    const second = 'runs/O&C&I-to-M/second';
    const device = async () => JSON.parse(await readFile(join(folder, second, 'run.json'), 'utf8')).device as string;
    expect(await device()).not.toContain('bf16');
    const on = ['--name', 'second', '--resume', '--precision', 'bf16'];
    const resumed = await ldc([
      'train',
      ...protocol,
      ...settings,
      '--epochs',
      '4',
      '--set',
      'train.save_every=2',
      ...on,
    ]);
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/trained on cpu .*, and goes on on cpu .*, bf16: what follows is rounded otherwise/);
    expect(await device()).toMatch(/^cpu \w+, \d+ threads?; then cpu \w+, \d+ threads?, bf16$/);
    expect(resumed.stderr).toMatch(
      /stage 1 in .* was made in fp32 and is used as it is; what follows is computed in bf16/,
    );

    const engines: string[] = [];
    for (const precision of ['bf16', 'fp32']) {
      const { status, stdout } = await ldc(['eval', '--run', second, '--precision', precision, '--json', '--quiet']);
      expect(status).toBe(0);
      engines.push(JSON.parse(stdout).engine);
    }
    expect(engines).toEqual(['native-bf16', 'native']);
    const scores = (name: string) => readFile(join(folder, second, 'scores', `epoch-0004-target${name}.csv`), 'utf8');
    expect(await scores('-native-bf16')).not.toBe(await scores(''));
  }, 240_000);

  it('says that it takes a stage 1 which was made in another precision', async () => {
    const out = [...protocol, ...settings, '--out', 'shared'];
    const made = await ldc(['cam', ...out, '--precision', 'bf16']);
    expect(made.status, made.stderr).toBe(0);
    expect(made.stderr).not.toContain('was made in');
    const taken = await ldc(['train', ...out, '--name', 'float', '--epochs', '1']);
    expect(taken.status, taken.stderr).toBe(0);
    expect(taken.stderr).toMatch(
      /stage 1 in .* was made in bf16 and is used as it is; what follows is computed in fp32/,
    );
    const facts = JSON.parse(await readFile(join(folder, 'shared/O&C&I-to-M/float/run.json'), 'utf8'));
    expect(facts.stage1Precision).toBe('bf16');
    expect(facts.device).not.toContain('bf16');
  }, 120_000);

  it('predicts images and folders', async () => {
    const { status, stdout } = await ldc([
      'predict',
      '--run',
      run,
      'data/synthetic-M/crops',
      '--json',
      '--quiet',
      '--overlay',
      'overlays',
    ]);
    expect(status).toBe(0);
    const { predictions, threshold } = JSON.parse(stdout);
    expect(predictions).toHaveLength(24);
    for (const { score, decision } of predictions) expect(decision).toBe(score >= threshold.value ? 'live' : 'spoof');
    expect(await readdir(join(folder, 'overlays'))).toHaveLength(24);
    const scores = await readFile(join(folder, run, 'scores/epoch-0002-target.csv'), 'utf8');
    const listed = scores.split('\n').find((line) => line.includes(predictions[0].path.split('data/')[1]));
    expect(Number(listed!.split(',')[7])).toBeCloseTo(predictions[0].score, 5);
  });

  it('is exported, and scored alike by onnxruntime: eval and predict, of the run and of the model', async () => {
    const exported = await ldc(['export', '--run', run, '--json', '--quiet']);
    expect(exported.status).toBe(0);
    const { check, card } = JSON.parse(exported.stdout);
    expect(check).toMatchObject({ images: { random: 4, real: 8 }, decisions: 0 });
    expect(check.score).toBeLessThan(1e-5);
    expect(card).toMatchObject({ protocol: 'O&C&I-to-M', checkpoint: 'epoch-0002', synthetic: true });
    expect(await readFile(join(folder, run, 'README.md'), 'utf8')).toMatch(
      /name: HTER at source-dev-eer, video level, %/,
    );

    const model = `${run}/model.onnx`;
    const evaluations = [];
    for (const which of [
      ['--run', run],
      ['--run', run, '--engine', 'onnx'],
      ['--model', model],
    ]) {
      const { status, stdout } = await ldc(['eval', ...which, '--corrupt', 'gamma', '--json', '--quiet']);
      expect(status, which.join(' ')).toBe(0);
      evaluations.push(JSON.parse(stdout));
    }
    expect(evaluations.map(({ engine }) => engine)).toEqual(['native', 'onnx', 'onnx']);
    const curves = evaluations.map(({ corruptions }) =>
      corruptions.curves.gamma.map((point: { auc: number; hter: number }) => [point.auc, point.hter]),
    );
    for (const curve of curves) {
      expect(curve).toHaveLength(6);
      curve.flat().forEach((value: number, i: number) => {
        expect(value).toBeCloseTo(curves[0].flat()[i], 3);
      });
    }
    expect(evaluations.map(({ corruptions }) => corruptions.engine)).toEqual(['native', 'onnx', 'onnx']);
    const [native, ...others] = evaluations.map(({ levels }) => levels.video);
    for (const other of others) {
      expect(other.n).toEqual(native.n);
      expect(other.auc).toBeCloseTo(native.auc, 3);
      const [ours, theirs] = [native, other].map(({ thresholds }) => thresholds['source-dev-eer'].value);
      expect(theirs).toBeCloseTo(ours, 5);
    }

    const scores: number[][] = [];
    for (const which of [
      ['--run', run],
      ['--model', model],
    ]) {
      const { stdout } = await ldc(['predict', ...which, 'data/synthetic-M/crops', '--json', '--quiet']);
      scores.push(JSON.parse(stdout).predictions.map(({ score }: { score: number }) => score));
    }
    expect(scores[0]).toHaveLength(24);
    const distances = scores[0]!.map((score, i) => Math.abs(score - scores[1]![i]!));
    expect(Math.max(...distances)).toBeLessThan(1e-5);

    // The run is as the other tests expect it.
    await ldc(['eval', '--run', run, '--quiet']);
    const refused = await ldc(['predict', '--model', model, '--provider', 'cuda', 'data/synthetic-M/crops']);
    expect(refused.status === 0 || /lacks|needs/.test(refused.stderr), refused.stderr).toBe(true);
  }, 120_000);

  it("is calibrated to recordings of one's own; it and its exported model decide at that threshold, and eval marks it where it saw the labels", async () => {
    const own = ['--data', 'data/synthetic-M', '--json', '--quiet'];
    const calibrated = await ldc(['calibrate', '--run', run, ...own, '--at', 'bpcer=0.1']);
    expect(calibrated.status, calibrated.stderr).toBe(0);
    const { threshold, levels, synthetic } = JSON.parse(calibrated.stdout);
    expect(levels.video.rates.bpcer.value).toBeLessThanOrEqual(0.1);
    expect(synthetic).toBe(true);
    const from = { at: 'bpcer=0.1', data: { letter: 'M' }, subjects: 8, synthetic: true };
    const predicted = await ldc(['predict', '--run', run, 'data/synthetic-C/crops', '--quiet']);
    expect(predicted.stdout).toMatch(
      /\(calibrated: SYNTHETIC, bpcer=0\.1 on synthetic-M \(M\), 8 subjects, \d{4}-\d\d-\d\d\)/,
    );
    const { stdout } = await ldc(['eval', '--run', run, '--json', '--quiet']);
    const { card } = JSON.parse(stdout).levels.video.thresholds;
    expect(card).toMatchObject({ value: threshold.video, frr: levels.video.rates.bpcer.value, oracle: true });
    const other = await ldc(['eval', '--run', run, '--checkpoint', '1']);
    expect(other.stderr).toMatch(/calibration\.json is of epoch-0002: with epoch-0001 it does not count/);
    expect(other.stdout).not.toMatch(/^card/m);
    expect((await ldc(['eval', '--run', run, '--quiet'])).stdout).toMatch(/^card\* /m);

    const model = `${run}/calibrated.onnx`;
    await ldc(['export', '--run', run, '--out', model, '--quiet']);
    const cardOf = async () => JSON.parse(await readFile(join(folder, `${run}/calibrated.json`), 'utf8'));
    expect((await cardOf()).threshold).toMatchObject({ name: 'calibrated', frame: threshold.frame, from });
    expect((await ldc(['calibrate', '--model', model, ...own, '--at', 'eer'])).status).toBe(0);
    const written = await cardOf();
    const bytes = await readFile(join(folder, model));
    expect(written.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(written.threshold).toMatchObject({ name: 'calibrated', from: { ...from, at: 'eer' } });
    expect(written.threshold.instead_of.name).toBe('source-dev-eer');
    const evaluated = JSON.parse((await ldc(['eval', '--model', model, '--json', '--quiet'])).stdout).levels.frame;
    expect(evaluated.thresholds.card).toMatchObject({ value: written.threshold.frame, oracle: true });
    expect(evaluated.thresholds['source-dev-eer'].value).toBe(written.threshold.instead_of.frame);

    // The run is as the other tests expect it.
    await rm(join(folder, run, 'calibration.json'));
    await ldc(['eval', '--run', run, '--quiet']);
  }, 120_000);

  it('stands beside a model of somebody else: evaluated, broken down, its scores kept, and both compared', async () => {
    const weights = { weight: [[3], [-2], [0.5]], bias: [-0.4] };
    await writeFile(join(folder, 'mean.onnx'), meanModel({ size: 32, layout: 'nchw', ...weights }));
    const card = 'name: means\ninput:\n  colour: rgb\n  scale: 1/255\noutput:\n  activation: sigmoid\n';
    await writeFile(join(folder, 'mean.card.yaml'), card);
    const model = ['--model', 'mean.onnx', ...protocol];
    const text = await ldc(['eval', ...model, '--by', 'attack_type', '--save', 'kept', '--quiet']);
    expect(text.status, text.stderr).toBe(0);
    expect(text.stdout).toMatch(/engine onnx, model means \(not trained by ldc\).*By attack type/s);
    const { levels } = JSON.parse((await ldc(['eval', ...model, '--json', '--quiet'])).stdout);
    const kept = ['--scores', 'kept/target.csv', '--source-scores', 'kept/source-dev.csv'];
    const again = JSON.parse((await ldc(['eval', ...kept, '--json', '--quiet'])).stdout);
    expect(again.levels).toEqual(levels);

    // Of a run beside it, a model takes the protocol; a file of its scores is the model.
    const both = JSON.parse((await ldc(['eval', '--compare', run, 'mean.onnx', '--json', '--quiet'])).stdout);
    expect(both.levels.video.hter).toMatchObject({
      threshold: 'source-dev-eer',
      b: levels.video.thresholds['source-dev-eer'].hter,
    });
    const itself = await ldc(['eval', '--compare', 'kept/target.csv', 'mean.onnx', ...protocol, '--json', '--quiet']);
    expect(JSON.parse(itself.stdout).levels.frame.auc.difference).toBe(0);
    const lost = await ldc(['eval', '--compare', 'kept/target.csv', 'mean.onnx']);
    expect(lost.stderr).toMatch(/error: mean\.onnx does not say for which protocol/);
  }, 120_000);

  it('gets a report that loads nothing and says SYNTHETIC', async () => {
    const { status, stderr } = await ldc([
      'report',
      '--run',
      run,
      '--device',
      'cpu',
      '--threads',
      '1',
      '--svg',
      'plots',
    ]);
    expect(status, stderr).toBe(0);
    expect(await readFile(join(folder, 'plots/features.svg'), 'utf8')).toContain('M (target)');
    const html = await readFile(join(folder, run, 'report.html'), 'utf8');
    expect(html).toContain('SYNTHETIC');
    expect(html).not.toMatch(/(src|href)="https?:/);
  });
});

describe('bad input: exit status 2, one sentence, nothing half-written', () => {
  it.each([
    ['a lone letter as protocol', ['train', '--protocol', 'O'], /error: .*\nhint: .*quote/is],
    ['an unknown domain', ['train', '--protocol', 'O&C&X-to-M'], /X/],
    ['a missing folder', ['train', ...protocol, '--data', 'nowhere'], /nowhere.*\nhint:/s],
    ['an unknown key', ['train', ...protocol, '--set', 'train.epoch=3'], /train\.epoch.*\nhint: .*train\.epochs/s],
    ['a wrong value', ['train', ...protocol, '--set', 'train.lr=fast'], /train\.lr/],
    ['an unknown flag', ['train', ...protocol, '--epoch', '3'], /unknown option '--epoch'/],
    ['an unknown command', ['trian'], /unknown command 'trian'.*train/s],
    [
      'a run that exists',
      ['train', ...protocol, ...settings, '--name', 'first'],
      /exists already.*\nhint: .*--resume/s,
    ],
    ['a checkpoint that is not there', ['eval', '--run', run, '--checkpoint', '77'], /no checkpoint 77/],
    ['three to compare', ['eval', '--compare', 'a', 'b', 'c'], /two runs, score files or models, not 3/],
    ['a view of a comparison', ['eval', '--compare', 'a', 'b', '--by', 'all'], /--by is about one result/],
    ['a convention of a comparison', ['eval', '--compare', 'a', 'b', '--convention', 'paper'], /--compare/],
    ['a corruption nobody knows', ['eval', '--run', run, '--corrupt', 'rain'], /"rain".*\nhint: .*jpeg/s],
    ['a column nobody has', ['eval', '--run', run, '--by', 'weather', '--quiet'], /no column "weather".*\nhint: /s],
    ['maps of a score file', ['eval', '--scores', 'x.csv', '--maps'], /need the network of a run/],
    [
      'maps in onnxruntime',
      ['eval', '--run', run, '--engine', 'onnx', '--maps'],
      /our own engine alone.*not with --engine onnx\nhint: name the run/,
    ],
    ['a device of a score file', ['eval', '--scores', 'x.csv', '--device', 'cpu'], /--scores and --device exclude/],
    ['settings of a comparison', ['eval', '--compare', 'a', 'b', '--set', 'seed=1'], /--compare and --set exclude/],
    ['a checkpoint of a score file', ['eval', '--scores', 'x.csv', '--checkpoint', 'best'], /--checkpoint needs a run/],
    [
      'bf16 in onnxruntime',
      ['eval', '--run', run, '--engine', 'onnx', '--precision', 'bf16'],
      /--precision bf16 is for our own engine: onnxruntime computes in what the model is written in/,
    ],
    [
      'bf16 for a model',
      ['predict', '--model', 'model.onnx', '--precision', 'bf16', 'data'],
      /--precision bf16 is for our own engine/,
    ],
    [
      'tf32 on the CPU',
      ['eval', '--run', run, '--device', 'cpu', '--precision', 'tf32'],
      /computes in fp32 or bf16, not in tf32/,
    ],
    ['onnxruntime for a score file', ['eval', '--scores', 'x.csv', '--engine', 'onnx'], /--engine onnx and --scores/],
    ['a protocol without a run', ['eval', '--protocol', 'oulu/1'], /of oulu\/1 in.*\nhint: .*--protocol 'oulu\/1'/s],
    [
      'no number',
      ['synth', '--out', 'x', '--frames', '0'],
      /argument '0' is invalid\nhint: a whole number .* is needed\n$/,
    ],
    ['no choice', ['eval', '--level', 'x'], /is invalid\nhint: allowed choices are frame, video\n$/],
    ['an argument too many', ['doctor', 'x'], /too many arguments for 'doctor'\nhint: expected 0 /],
    ['two things to evaluate', ['eval', '--run', run, '--scores', 'x.csv'], /exclude each other/],
    ['a device for a study', ['report', '--study', 'x.yaml', '--threads', '1'], /--threads is about one run/],
    ['an image that is not there', ['predict', '--run', run, 'nothing.jpg'], /nothing\.jpg/],
    ['a checkpoint that would run code', ['convert', hostile, 'out.safetensors'], /malicious_zip\.pth/],
    ['an unknown device', ['train', ...protocol, '--device', 'tpu', '--name', 'tpu'], /device/],
  ])('%s', async (_, args, message) => {
    const { status, stdout, stderr } = await ldc(args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  it('a refused checkpoint leaves nothing behind', () => {
    expect(existsSync(join(folder, 'out.safetensors'))).toBe(false);
    expect(existsSync(join(folder, 'ldc_fixture_executed.txt'))).toBe(false);
  });

  it('an unreadable image of the target, unless it may be missing: then it is counted in every result', async () => {
    const copy = await ldc(['synth', '--out', 'holes', '--subjects', '4', '--frames', '1', '--size', '32', '--quiet']);
    expect(copy.status).toBe(0);
    const set = join(folder, 'holes', 'synthetic-M');
    const image = (await readFile(join(set, 'manifest.csv'), 'utf8')).split('\n')[1]!.split(',')[0]!;
    await writeFile(join(set, image), 'no image');
    const evaluation = ['eval', '--run', run, '--data', 'holes'];
    const refused = await ldc([...evaluation, '--quiet']);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/manifest\.csv line 2\) cannot be read/),
    ]);
    const { status, stdout, stderr } = await ldc([...evaluation, '--allow-missing', '--json', '--by', 'all']);
    expect([status, stderr]).toEqual([0, expect.stringMatching(/manifest\.csv line 2\) cannot be read: .*left out/)]);
    const { levels, notes } = JSON.parse(stdout);
    const { live, attack } = levels.frame.fta.n;
    expect(live + attack).toBe(1);
    expect(notes).toContainEqual(expect.stringContaining('have no score (failures to acquire)'));
    const text = await ldc([...evaluation, '--allow-missing', '--quiet', '--by', 'attack_type']);
    expect(text.stdout.match(/Images without a score, which are in none of these figures: 1\./g)).toHaveLength(3);
    expect((await ldc(['eval', '--scores', 'x.csv', '--allow-missing'])).stderr).toContain('exclude each other');
  });

  it('an unreadable image and a broken manifest are named with file and row', async () => {
    const copy = await ldc(['synth', '--out', 'broken', '--subjects', '4', '--frames', '1', '--size', '32', '--quiet']);
    expect(copy.status).toBe(0);
    const set = join(folder, 'broken', 'synthetic-O');
    const manifest = await readFile(join(set, 'manifest.csv'), 'utf8');
    const image = manifest.split('\n')[1]!.split(',')[0]!;
    await writeFile(join(set, image), 'no image');
    const train = ['train', ...protocol, ...settings, '--data', 'broken', '--name', 'bad'];
    const unreadable = await ldc([
      ...train,
      '--set',
      'data.dev_fraction=0',
      '--set',
      'train.per_domain={live: 1, spoof: 1}',
      '--set',
      'activation.batch_size=2',
    ]);
    expect(unreadable.status).toBe(2);
    expect(unreadable.stderr).toMatch(/manifest\.csv line 2\)/);

    await writeFile(join(set, 'manifest.csv'), manifest.replace('label', 'lable'));
    expect((await ldc(train)).stderr).toMatch(/label.*manifest\.csv/);
    await writeFile(join(set, 'manifest.csv'), manifest.replace(',live,', ',alive,'));
    const unknown = await ldc(train);
    expect(unknown.stderr).toMatch(/(alive.*manifest\.csv|manifest\.csv.*alive)/);
    expect(unknown.status).toBe(2);
  });
});
