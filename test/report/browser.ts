/** A headless Chromium, told what to do over its DevTools pipe: any width, light or dark, and what the console says. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

/** Undefined where there is none: then tests of pages skip. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

export const noChromium = chromium === undefined ? 'no chromium here' : null;

const FLAGS =
  '--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars';
/** A screenshot shows no more than this of a long page. */
const TALLEST = 16_000;

/** Runs in the page. */
const look = readFileSync(new URL('look.js', import.meta.url), 'utf8');

export type Scheme = 'light' | 'dark';

/** What a page is like in a window. */
export interface Visit {
  /** Messages of the console, errors and what the page was refused among them. */
  console: string[];
  /** Of the document and of the window, in CSS pixels; the page scrolls sideways where they differ. */
  scrollWidth: number;
  innerWidth: number;
  /** Images that did not load. */
  broken: number;
  /** Lowest contrast (WCAG) of text with what lies behind it, and that text. */
  contrast: { ratio: number; text: string };
  /** The element that reaches furthest beyond the window, if one does and nothing scrolls it. */
  beyond: string | null;
}

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

export class Browser {
  private readonly profile = mkdtempSync(join(tmpdir(), 'ldc-chromium-'));
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, (message: Message) => void>();
  private readonly listeners = new Set<(message: Message) => void>();
  private next = 0;
  private session: string | undefined;

  constructor() {
    const args = [...FLAGS.split(' '), `--user-data-dir=${this.profile}`, '--remote-debugging-pipe', 'about:blank'];
    this.child = spawn(chromium!, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    let rest = '';
    (this.child.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (rest + chunk).split('\0');
      rest = messages.pop()!;
      for (const text of messages) this.receive(JSON.parse(text));
    });
  }

  /** Opens a file in a window of this width and looks at it; `png` is where a screenshot of the page goes. */
  async visit(file: string, width: number, scheme: Scheme, png?: (image: Buffer) => void): Promise<Visit> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const attached = await this.send('Target.attachToTarget', { targetId, flatten: true });
    this.session = attached.sessionId as string;
    const messages: string[] = [];
    const listener = ({ method, params }: Message) => {
      if (method === 'Log.entryAdded') messages.push((params!.entry as { text: string }).text);
      if (method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown')
        messages.push(JSON.stringify(params));
    };
    this.listeners.add(listener);
    try {
      for (const domain of ['Page', 'Log', 'Runtime']) await this.send(`${domain}.enable`);
      const mobile = width < 600;
      await this.send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile });
      const features = [{ name: 'prefers-color-scheme', value: scheme }];
      await this.send('Emulation.setEmulatedMedia', { features });
      const loaded = this.event('Page.loadEventFired');
      await this.send('Page.navigate', { url: pathToFileURL(file).href });
      await loaded;
      const { result } = await this.send('Runtime.evaluate', { expression: look, returnByValue: true });
      const { value } = result as { value: Omit<Visit, 'console'> & { height: number } };
      if (png !== undefined) {
        const clip = { x: 0, y: 0, width, height: Math.min(TALLEST, value.height), scale: 1 };
        const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true, clip });
        png(Buffer.from(data as string, 'base64'));
      }
      return { ...value, console: messages };
    } finally {
      this.listeners.delete(listener);
      this.session = undefined;
      await this.send('Target.closeTarget', { targetId });
    }
  }

  async close(): Promise<void> {
    const exit = new Promise((resolve) => this.child.once('exit', resolve));
    // Its answer may be lost with the pipe.
    void this.send('Browser.close');
    await exit;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  /** To the page of the visit; to the browser between visits. */
  private send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.next;
    const message = { id, method, params, sessionId: this.session };
    (this.child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result, error }) =>
        error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result!),
      );
    });
  }

  private event(name: string): Promise<void> {
    return new Promise((resolve) => {
      const listener = ({ method }: Message) => {
        if (method !== name) return;
        this.listeners.delete(listener);
        resolve();
      };
      this.listeners.add(listener);
    });
  }

  private receive(message: Message): void {
    if (message.id === undefined) for (const listener of this.listeners) listener(message);
    else this.waiting.get(message.id)?.(message);
  }
}
