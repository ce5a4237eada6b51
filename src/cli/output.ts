/** What every command shares: flags, exit statuses, one-sentence errors, results on stdout, progress on stderr. */

import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { hintOf, sentenceOf, UserError } from '../base/errors.js';
import { Interrupted, type Progress, silent } from '../run/progress.js';

export interface CommonOptions {
  json?: boolean;
  quiet?: boolean;
  debug?: boolean;
}

/** Adds the flags that every command has. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .option('--quiet', 'no progress and no notes')
    .option('--debug', 'show stack traces of errors');
}

/** Prints a result: the JSON document, or the text. */
export function printResult(options: CommonOptions, document: unknown, text: () => string): void {
  process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : `${text().trimEnd()}\n`);
}

/** Width for tables. */
export function terminalWidth(): number {
  return Math.max(60, process.stdout.columns ?? 100);
}

/** Says what went wrong in one sentence and returns the exit status. */
export function reportError(error: unknown, debug: boolean): number {
  if (debug && error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`);
  const hint = hintOf(error);
  const what = error instanceof Interrupted ? error.message : `error: ${sentenceOf(error)}`;
  process.stderr.write(`ldc: ${what}\n${hint ? `hint: ${hint}\n` : ''}`);
  if (error instanceof Interrupted) return 130;
  return error instanceof UserError ? 2 : 1;
}

/**
 * A signal for Ctrl-C and SIGTERM (a scheduler's): the first asks the work to save and stop, a second one quits at once.
 * @param hint how the user goes on
 */
export function interruption(hint = 'the same command goes on'): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Interrupted('stopped; what is done is kept', hint));
    process.stderr.write('\nldc: finishing this step and saving; again to quit at once\n');
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // The study that started this process is gone.
  process.on('disconnect', stop);
  process.channel?.unref();
  if (process.connected === false) stop();
  return controller.signal;
}

/** Bars on a terminal, else a plain line every ten seconds; nothing with --quiet. */
export function progressFor(options: CommonOptions): Progress {
  if (options.quiet) return silent;
  return process.stderr.isTTY ? new BarProgress() : new LineProgress();
}

class BarProgress implements Progress {
  private bars: MultiBar | undefined;
  private bar: SingleBar | undefined;

  begin(title: string, total: number, done = 0, unit = 'images'): void {
    const format = `${title.padEnd(26)} {bar} {value}/{total} ${unit} · {eta_formatted} left {figures}`;
    const settings = { format, stream: process.stderr, hideCursor: true, barsize: 24, etaBuffer: 30 };
    this.bars = new MultiBar(settings, Presets.shades_classic);
    this.bar = this.bars.create(total, done, { figures: '' });
  }

  update(done: number, figures: Readonly<Record<string, number>> = {}): void {
    this.bar?.update(done, { figures: figureText(figures) });
  }

  end(): void {
    this.bars?.stop();
    this.bars = undefined;
    this.bar = undefined;
  }

  note(text: string): void {
    if (this.bars !== undefined) this.bars.log(`note: ${text}\n`);
    else process.stderr.write(`note: ${text}\n`);
  }
}

const lineEvery = 10_000;

class LineProgress implements Progress {
  private title = '';
  private total = 0;
  private first = 0;
  private unit = '';
  private started = 0;
  private last = 0;

  begin(title: string, total: number, done = 0, unit = 'images'): void {
    Object.assign(this, { title, total, first: done, unit, started: Date.now(), last: Date.now() });
  }

  update(done: number, figures: Readonly<Record<string, number>> = {}): void {
    const now = Date.now();
    if (now - this.last < lineEvery) return;
    this.last = now;
    const rate = ((done - this.first) / (now - this.started)) * 1000;
    // Nothing is known before the first unit is done.
    const pace = rate > 0 ? `, ${rateText(rate)}, ${durationText((this.total - done) / rate)} left` : '';
    process.stderr.write(`${this.title}: ${done}/${this.total} ${this.unit}${pace} ${figureText(figures)}\n`);
  }

  end(): void {
    const seconds = ((Date.now() - this.started) / 1000).toFixed(1);
    process.stderr.write(`${this.title}: ${this.total} ${this.unit} in ${seconds} s\n`);
  }

  note(text: string): void {
    process.stderr.write(`note: ${text}\n`);
  }
}

/** Units a second, or a minute where that says more. */
function rateText(rate: number): string {
  return rate >= 0.1 ? `${rate.toFixed(1)}/s` : `${(60 * rate).toFixed(1)}/min`;
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function figureText(figures: Readonly<Record<string, number>>): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${Number.isInteger(value) ? value : value.toPrecision(4)}`)
    .join(', ');
}

/** Collects a flag that may be given several times. */
export function repeated(value: string, earlier: string[] = []): string[] {
  return [...earlier, value];
}
