/** The server of `ldc serve`: which address gives which page, and how much of anything it takes at once. */
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { hintOf, messageOf, sentenceOf, UserError } from '../base/errors.js';
import type { LoadOptions } from '../library.js';
import { loadAssets } from './assets.js';
import { comparePage, mostCompared, pairedTest } from './comparePage.js';
import { Guard, withHeaders } from './guard.js';
import { MetricsFiles } from './metricsFile.js';
import { runPage } from './runPage.js';
import { digestOf, isOwnFile, Runs } from './runs.js';
import { runsPage } from './runsPage.js';
import { findStudy, studiesIn } from './studies.js';
import { StudyPages } from './studyPage.js';
import { type Answer, Busy, parts, Tries } from './tries.js';
import { tryPage } from './tryPage.js';

export interface ServeOptions {
  /** Folder of runs. */
  out: string;
  host: string;
  /** 0: any that is free. */
  port: number;
  /** ONNX models to try, beside the runs and what was exported into them. */
  models?: readonly string[];
  /** What models that are tried compute on. */
  device?: LoadOptions['device'];
  threads?: LoadOptions['threads'];
  /** Milliseconds after which whoever sends slower is cut off; tests do not wait as long. */
  slowest?: { headers: number; request: number; idle: number };
}

export interface Served {
  /** With the token. */
  address: string;
  port: number;
  close(): Promise<void>;
}

/** Requests that are answered at once; more are turned away. */
const mostRequests = 64;
const mostConnections = 1024;
/** Bytes of a picture that is tried, and such pictures in memory at once. */
const mostBody = 32 * 2 ** 20;
const mostBodies = 4;
/** A video has fewer frames. */
const mostScores = 1000;

/** @throws UserError when the address cannot be listened on */
export async function serve(options: ServeOptions): Promise<Served> {
  const { out, host, port, slowest = { headers: 10_000, request: 30_000, idle: 5_000 } } = options;
  const guard = new Guard(host);
  const runs = new Runs(out);
  const tries = new Tries(runs, options.models ?? [], options);
  const app = await pages(guard, runs, tries);
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    serverOptions: {
      headersTimeout: slowest.headers,
      requestTimeout: slowest.request,
      keepAliveTimeout: slowest.idle,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 16_384,
    },
  }) as Server;
  server.maxConnections = mostConnections;
  await listening(server, host, port);
  const { port: taken } = server.address() as AddressInfo;
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return {
    address: `http://${name}:${taken}/?token=${guard.token}`,
    port: taken,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await tries.close();
    },
  };
}

async function pages(guard: Guard, runs: Runs, tries: Tries): Promise<Hono> {
  const app = new Hono();
  const assets = await loadAssets();
  const { out } = runs;
  const studies = new StudyPages(out);
  const metrics = new MetricsFiles();
  let [answering, bodies] = [0, 0];

  app.onError((error, c) => {
    const status = error instanceof UserError ? 400 : error instanceof Busy ? 503 : 500;
    const json = c.req.path.startsWith('/try');
    return json
      ? c.json({ error: sentenceOf(error), hint: hintOf(error) }, status)
      : c.text(`ldc serve: ${sentenceOf(error)}\n`, status);
  });
  app.notFound((c) => c.text('ldc serve: there is no such page\n', 404));
  app.use(withHeaders);
  app.use(async (c, next) => {
    if (answering >= mostRequests) return c.text('ldc serve: too many requests at once\n', 503);
    answering++;
    try {
      await next();
    } finally {
      answering--;
    }
  });
  app.use(guard.check);

  app.get('/assets/:name', (c) => {
    const asset = assets.get(c.req.param('name'));
    return asset === undefined ? c.notFound() : send(c, asset.content, asset.type);
  });
  app.get('/', async (c) => page(c, runsPage(await runs.all(), await studiesIn(out), out)));
  app.get('/run', async (c) => {
    const run = await runs.find(c.req.query('id') ?? '');
    return run === undefined ? c.notFound() : page(c, await runPage(run));
  });
  app.get('/curves', async (c) => {
    const run = await runs.find(c.req.query('id') ?? '');
    if (run === undefined) return c.notFound();
    const width = Math.min(2000, Math.max(1, Math.floor(Number(c.req.query('width')) || 400)));
    const file = metrics.at(run.folder.metrics);
    if ((await file.version()) === c.req.query('version')) return c.body(null, 204);
    return c.json(await file.curves(width));
  });
  app.get('/report', async (c) => {
    const run = await runs.find(c.req.query('id') ?? '');
    if (run === undefined || !(await isOwnFile(run.folder.report))) return c.notFound();
    const html = await readFile(run.folder.report, 'utf8');
    const answer = send(c, html, 'text/html; charset=utf-8');
    // A report holds its own style, and nothing that runs; it may be somebody else's.
    answer.headers.set(
      'content-security-policy',
      "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
    );
    return answer;
  });
  app.get('/study', async (c) => {
    const study = await findStudy(out, c.req.query('name') ?? '');
    return study === undefined ? c.notFound() : page(c, await studies.page(study));
  });

  const chosen = async (c: Context) => {
    const found = await Promise.all(
      [...new Set(c.req.queries('id') ?? [])].slice(0, mostCompared + 1).map((id) => runs.find(id)),
    );
    return found.filter((run) => run !== undefined);
  };
  app.get('/compare', async (c) => page(c, await comparePage(await chosen(c), await runs.all())));
  let testing: Promise<unknown> = Promise.resolve();
  app.get('/compare/test', async (c) => {
    const [a, b] = await chosen(c);
    if (a === undefined || b === undefined) return c.notFound();
    // One at a time.
    const test = testing.then(() => pairedTest(a, b));
    testing = test;
    return page(c, await test);
  });

  app.get('/try', async (c) => page(c, tryPage(await tries.models())));
  app.get('/try/video', async (c) => {
    const scores = (c.req.query('scores') ?? '').split(',').map(Number);
    const usable = scores.length <= mostScores && scores.every((score) => score >= 0 && score <= 1);
    if (!usable) throw new UserError('scores are numbers from 0 to 1 with commas between them');
    return c.json<Answer>(await tries.decideVideo(c.req.query('model') ?? '', scores));
  });
  app.post(
    '/try',
    async (_, next) => {
      // Before anything of the body is read.
      if (bodies >= mostBodies) throw new Busy('too many pictures at once');
      bodies++;
      await next().finally(() => bodies--);
    },
    bodyLimit({ maxSize: mostBody, onError: tooLarge }),
    async (c) => {
      const part = parts.find((name) => name === c.req.query('part'));
      if (part === undefined) throw new UserError(`part is one of ${parts.join(', ')}`);
      const content = new Uint8Array(await c.req.arrayBuffer());
      return c.json<Answer>(await tries.score(c.req.query('model') ?? '', part, content));
    },
  );
  return app;
}

function tooLarge(c: Context) {
  c.header('connection', 'close');
  return c.json({ error: `a picture has at most ${mostBody / 2 ** 20} MiB` }, 413);
}

function page(c: Context, html: string) {
  return send(c, html, 'text/html; charset=utf-8');
}

/** The content, or that it is what the browser has already. */
function send(c: Context, content: string, type: string) {
  const tag = digestOf(content);
  c.header('etag', tag);
  if (c.req.header('if-none-match') === tag) return c.body(null, 304);
  return c.body(content, 200, { 'content-type': type });
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      const why = taken ? `port ${port} is taken` : messageOf(error);
      reject(
        new UserError(
          `${host} cannot be listened on: ${why}`,
          taken ? '--port 0 takes one that is free' : hintOf(error),
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}
