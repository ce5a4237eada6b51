/** A headless Chromium, told what to do over its DevTools pipe: any width, light or dark, what the console says, and what a user does. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
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
  sessionId?: string;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

export interface WindowOptions {
  width: number;
  scheme: Scheme;
}

export class Browser {
  private readonly profile = mkdtempSync(join(tmpdir(), 'ldc-chromium-'));
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, (message: Message) => void>();
  private readonly listeners = new Set<(message: Message) => void>();
  private next = 0;

  /** @param flags beyond those that every test needs */
  constructor(flags: readonly string[] = []) {
    const args = [
      ...FLAGS.split(' '),
      ...flags,
      `--user-data-dir=${this.profile}`,
      '--remote-debugging-pipe',
      'about:blank',
    ];
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
    const page = await this.open(pathToFileURL(file).href, { width, scheme });
    try {
      const visit = await page.look();
      if (png !== undefined) png(await page.screenshot());
      return visit;
    } finally {
      await page.close();
    }
  }

  /** Opens an address in a window of its own, and waits until it has loaded. */
  async open(url: string, { width, scheme }: WindowOptions): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(
      (method, params) => this.send(method, params, sessionId as string),
      (listener) => {
        const own = (message: Message) => {
          if (message.sessionId === sessionId) listener(message);
        };
        this.listeners.add(own);
        return () => this.listeners.delete(own);
      },
      async () => void (await this.send('Target.closeTarget', { targetId })),
      width,
    );
    await page.start(scheme);
    await page.go(url);
    return page;
  }

  async close(): Promise<void> {
    const exit = new Promise((resolve) => this.child.once('exit', resolve));
    // Its answer may be lost with the pipe.
    void this.send('Browser.close');
    await exit;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  private send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.next;
    (this.child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result, error }) =>
        error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result!),
      );
    });
  }

  private receive(message: Message): void {
    if (message.id === undefined) for (const listener of this.listeners) listener(message);
    else this.waiting.get(message.id)?.(message);
  }
}

/** A page in a window of its own. */
export class Page {
  /** Messages of the console so far. */
  readonly console: string[] = [];
  private readonly deaf: () => void;

  constructor(
    readonly send: (method: string, params?: object) => Promise<Record<string, unknown>>,
    private readonly listen: (listener: (message: Message) => void) => () => void,
    private readonly closeTarget: () => Promise<void>,
    private readonly width: number,
  ) {
    this.deaf = listen(({ method, params }) => {
      if (method === 'Log.entryAdded') this.console.push((params!.entry as { text: string }).text);
      if (method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown')
        this.console.push(JSON.stringify(params));
    });
  }

  async start(scheme: Scheme): Promise<void> {
    for (const domain of ['Page', 'Log', 'Runtime']) await this.send(`${domain}.enable`);
    const size = { width: this.width, height: 900, deviceScaleFactor: 1, mobile: this.width < 600 };
    await this.send('Emulation.setDeviceMetricsOverride', size);
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.send('Emulation.setEmulatedMedia', { features });
  }

  async go(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => {
      const deaf = this.listen(({ method }) => {
        if (method !== 'Page.loadEventFired') return;
        deaf();
        resolve();
      });
    });
    await this.send('Page.navigate', { url });
    await loaded;
  }

  /** The value of an expression in the page; of a promise, what it settles to. @throws Error with what the page threw */
  async evaluate<T>(expression: string): Promise<T> {
    const options = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', options);
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  }

  /** Waits until an expression is true. @throws Error with the text of the page when it does not become so */
  async until(expression: string, milliseconds = 30_000): Promise<void> {
    for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(100)) {
      if (await this.evaluate<boolean>(`Boolean(${expression})`)) return;
    }
    throw new Error(`${expression} did not become true:\n${await this.evaluate('document.body.innerText')}`);
  }

  async press(key: 'Tab' | 'Enter' | ' ' | 'ArrowDown'): Promise<void> {
    const code = { Tab: 9, Enter: 13, ' ': 32, ArrowDown: 40 }[key];
    const text = { Tab: undefined, Enter: '\r', ' ': ' ', ArrowDown: undefined }[key];
    const event = { key, code: key === ' ' ? 'Space' : key, windowsVirtualKeyCode: code };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event, text });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  /** Lets files fall onto the element. */
  async drop(selector: string, files: readonly string[]): Promise<void> {
    const place = await this.evaluate<{ x: number; y: number }>(
      `(({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 }))(document.querySelector('${selector}').getBoundingClientRect())`,
    );
    const data = { items: [], files, dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'])
      await this.send('Input.dispatchDragEvent', { type, ...place, data });
  }

  async look(): Promise<Visit> {
    return { ...(await this.evaluate<Omit<Visit, 'console'>>(look)), console: this.console };
  }

  async screenshot(): Promise<Buffer> {
    const height = await this.evaluate<number>('document.documentElement.scrollHeight');
    const clip = { x: 0, y: 0, width: this.width, height: Math.min(TALLEST, height), scale: 1 };
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true, clip });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    this.deaf();
    await this.closeTarget();
  }
}
