/** What must be refused is refused, and what is too much costs neither memory nor the others' time. */
import { rm, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Served, serve } from '../../src/serve/server.js';
import { put, temporaryFolder } from '../data/helpers.js';
import { Client } from './client.js';
import { sampleRun } from './sample.js';

const folder = await temporaryFolder();
const out = join(folder, 'runs');
let served: Served;
let client: Client;

beforeAll(async () => {
  await put(join(folder, 'secret/config.yaml'), 'seed: 1\n');
  await sampleRun(out, { id: 'O&C&I-to-M/a', steps: 30 });
  served = await serve({ out, host: '127.0.0.1', port: 0, slowest: { headers: 3000, request: 3500, idle: 500 } });
  client = await new Client(served).enter();
});
afterAll(() => served.close());

const megabytes = () => process.memoryUsage().rss / 2 ** 20;

describe('who may ask', () => {
  const stranger = () => new Client(served);
  const token = () => new URL(served.address).searchParams.get('token')!;

  it.each([
    '/',
    '/run?id=x',
    '/curves?id=x',
    '/report?id=x',
    '/study?name=x',
    '/compare',
    '/compare/test',
    '/try',
    '/try/video',
    '/assets/style.css',
  ])('%s: nobody without the token', async (path) => {
    const { status, body } = await stranger().ask(path);
    expect(status).toBe(403);
    expect(body).toContain('it holds the token');
    expect((await stranger().ask(`${path}${path.includes('?') ? '&' : '?'}token=${'A'.repeat(32)}`)).status).toBe(403);
  });

  it('the token of the first address becomes a cookie that scripts and other pages do not get', async () => {
    const { status, headers } = await stranger().ask(`/?token=${token()}`);
    expect({ status, location: headers.location }).toEqual({ status: 303, location: '/' });
    expect(headers['set-cookie']![0]).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
    expect((await stranger().ask('/', { headers: { cookie: `${client.cookie}x` } })).status).toBe(403);
    expect((await client.ask('/')).status).toBe(200);
  });

  it.each([
    'evil.example',
    'evil.example:80',
    '127.0.0.1.evil.example',
    '192.168.0.7',
    '[::2]',
    'a b',
    '127.0.0.1@evil.example',
  ])('the name %j is not ours (DNS rebinding)', async (host) => {
    const { status } = await client.ask('/', { headers: { host } });
    expect([400, 403]).toContain(status);
  });

  it('a request without a name is not answered', async () => {
    const { answer } = await send(`GET / HTTP/1.0\r\ncookie: ${client.cookie}\r\n\r\n`, Buffer.alloc(0), 0);
    expect(answer).toMatch(/^HTTP\/1.1 40[03] /);
  });

  it('a tunnel has another port', async () => {
    expect((await client.ask('/', { headers: { host: 'localhost:9999' } })).status).toBe(200);
  });

  it.each(['https://evil.example', 'null', 'http://127.0.0.1:1', 'http://localhost'])(
    'a page of %s may not ask',
    async (origin) => {
      expect((await client.ask('/', { headers: { origin } })).status).toBe(403);
      expect(
        (await client.ask('/try?model=x&part=square', { method: 'POST', headers: { origin }, body: 'x' })).status,
      ).toBe(403);
    },
  );

  it('a POST says where it comes from', async () => {
    expect((await client.ask('/try?model=x&part=square', { method: 'POST', body: 'x' })).status).toBe(403);
  });

  it('every answer forbids pages to load, run or frame anything foreign', async () => {
    for (const reply of [await client.ask('/'), await stranger().ask('/'), await client.ask('/nothing')]) {
      expect(reply.headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'$/,
      );
      expect(reply.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
      });
    }
  });
});

describe('paths stay inside', () => {
  const elsewhere = [
    '../secret',
    '..%2Fsecret',
    '%2e%2e/secret',
    '/etc',
    '%2Fetc%2Fpasswd',
    'O%26C%26I-to-M/../../secret',
    '.',
    '..',
    '%00',
    'O%26C%26I-to-M/a/../../../secret',
    'O%26C%26I-to-M',
    '',
  ];
  const places = [
    '/run?id=',
    '/curves?width=9&id=',
    '/report?id=',
    '/study?name=',
    '/compare/test?id=O%26C%26I-to-M%2Fa&id=',
    '/assets/',
  ];

  it.each(places)('%s', async (place) => {
    // `/assets/..` is the first page.
    for (const path of elsewhere.filter((path) => place !== '/assets/' || path !== '..')) {
      const { status, body } = await client.ask(place + path);
      expect([400, 404], path).toContain(status);
      expect(body).not.toMatch(/root:|seed: 1/);
    }
  });

  it('/try?model=, and a part that is none', async () => {
    const face = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
      .png()
      .toBuffer();
    for (const path of elsewhere)
      expect((await client.post(`/try?part=square&model=${path}`, face)).status, path).toBe(400);
    expect((await client.post('/try?part=../x&model=a', face)).status).toBe(400);
    for (const path of elsewhere)
      expect((await client.ask(`/try/video?scores=1&model=${path}`)).status, path).toBe(400);
  });

  it('/compare?id=, and numbers that are none', async () => {
    for (const path of elsewhere) {
      const { status, body } = await client.ask(`/compare?id=${path}&id=${path}`);
      expect([200, 400], path).toContain(status);
      expect(body).not.toMatch(/root:|seed: 1/);
    }
    for (const odd of ['NaN', '1e99', '-1', '..%2Fsecret', '']) {
      const { status, body } = await client.ask(`/curves?id=O%26C%26I-to-M%2Fa&width=${odd}&version=${odd}`);
      expect(status, odd).toBe(200);
      expect(JSON.parse(body).x.length).toBeLessThanOrEqual(30);
      expect((await client.ask(`/try/video?model=x&scores=${odd}`)).status, odd).toBe(400);
    }
  });

  it('links out of the folder are passed over: of a protocol, of a run, of a report and of a model', async () => {
    await put(join(folder, 'secret/run/config.yaml'), 'seed: 1\n');
    await put(join(folder, 'secret/report.html'), 'root:');
    await put(join(folder, 'secret/m.onnx'), '');
    await symlink(join(folder, 'secret'), join(out, 'linked-protocol'));
    await symlink(join(folder, 'secret/run'), join(out, 'O&C&I-to-M/linked'));
    const run = join(out, 'O&C&I-to-M/a');
    await symlink(join(folder, 'secret/report.html'), join(run, 'report.html'));
    await symlink(join(folder, 'secret/m.onnx'), join(run, 'm.onnx'));
    expect((await client.ask('/')).body).not.toMatch(/linked/);
    for (const id of ['linked-protocol/run', 'O%26C%26I-to-M/linked'])
      expect((await client.ask(`/run?id=${id}`)).status).toBe(404);
    expect((await client.ask('/report?id=O%26C%26I-to-M%2Fa')).status).toBe(404);
    expect((await client.ask('/try')).body).not.toContain('m.onnx');
    for (const name of ['report.html', 'm.onnx']) await rm(join(run, name));
  });

  it('what a run is called cannot become markup', async () => {
    await sampleRun(out, { id: 'O&C&I-to-M/<img src=x onerror=alert(1)>', steps: 1 });
    const { body } = await client.ask('/');
    expect(body).toContain('&lt;img src=x');
    expect(body).not.toContain('<img');
  });
});

/** A PNG that claims to be of this size. */
function claiming(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length);
    head.write(type, 4, 'latin1');
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(Buffer.concat([head.subarray(4), data])));
    return Buffer.concat([head, data, crc]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const pixels = deflateSync(Buffer.alloc(1_000_000));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('too much', () => {
  it.each([
    ['a PNG of 3.6 thousand million pixels', claiming(60_000, 60_000)],
    ['a PNG of 10^18', claiming(2 ** 30, 2 ** 30)],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    [
      'an SVG of nested entities',
      Buffer.from('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbb">]><svg>&b;</svg>'),
    ],
    ['half a JPEG', Buffer.from('\xff\xd8\xff\xe0 and no more', 'latin1')],
    ['nothing', Buffer.alloc(0)],
  ])('%s is refused before it is decoded', async (_, content) => {
    const before = megabytes();
    const { status, body } = await client.post('/try?model=x&part=square', content);
    expect(status).toBe(400);
    expect(JSON.parse(body).error).toMatch(/^this (is no )?picture/);
    expect(megabytes() - before).toBeLessThan(100);
  });

  it('a body that says it is compressed is looked at as it came: of 1 GB of zeros nothing is unpacked', async () => {
    const before = megabytes();
    // Parts of a gzip file follow each other.
    const body = Buffer.concat(Array(16).fill(gzipSync(Buffer.alloc(2 ** 26))));
    expect(body.length).toBeLessThan(2 ** 21);
    const headers = { origin: `http://${client.host}`, 'content-encoding': 'gzip' };
    expect((await client.ask('/try?model=x&part=square', { method: 'POST', headers, body })).status).toBe(400);
    expect(megabytes() - before).toBeLessThan(100);
  });

  // A connection that is ended while something comes may lose its answer; on a busy machine the time is over before the bytes are.
  const refusal = /^(?:HTTP\/1.1 4(?:13|08) .*|$)/;

  it('a body of 1 GB is refused by what it says of itself, and without that by what has come', async () => {
    const before = megabytes();
    const head = `POST /try?model=x&part=square HTTP/1.1\r\nhost: ${client.host}\r\ncookie: ${client.cookie}\r\norigin: http://${client.host}\r\n`;
    const piece = Buffer.alloc(2 ** 20);
    const said = await send(`${head}content-length: ${2 ** 30}\r\n\r\n`, piece, 1024);
    expect(said.answer).toMatch(refusal);
    expect(said.sent).toBeLessThan(64);
    const chunked = await send(
      `${head}transfer-encoding: chunked\r\n\r\n`,
      Buffer.concat([Buffer.from('100000\r\n'), piece, Buffer.from('\r\n')]),
      1024,
    );
    expect(chunked.answer).toMatch(refusal);
    expect(chunked.sent).toBeLessThan(128);
    expect(megabytes() - before).toBeLessThan(200);
  });

  it('200 connections that send nothing more are cut off, and others are answered meanwhile', async () => {
    const before = megabytes();
    let ended = 0;
    const slow = Array.from({ length: 200 }, (_, i) => {
      const socket = connect(served.port, '127.0.0.1');
      // Half of them in the middle of the headers, half in the middle of a body.
      const started = `POST /try HTTP/1.1\r\nhost: ${client.host}\r\n`;
      socket.write(
        i % 2 === 0
          ? started
          : `${started}cookie: ${client.cookie}\r\norigin: http://${client.host}\r\ncontent-length: 99\r\n\r\nx`,
      );
      return new Promise((resolve) =>
        socket
          .on('error', () => {})
          .on('close', () => {
            if (i % 2 === 0) ended++;
            resolve(undefined);
          })
          .resume(),
      );
    });
    await sleep(100);
    expect((await client.ask('/')).status).toBe(200);
    expect(ended).toBe(0);
    await Promise.all(slow);
    expect(megabytes() - before).toBeLessThan(100);
  }, 20_000);

  it('of a thousand requests at once each is answered or turned away', async () => {
    await Promise.all(Array.from({ length: 1000 }, () => client.ask('/')));
    const before = megabytes();
    const replies = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => client.ask(i % 2 ? '/' : '/curves?id=O%26C%26I-to-M%2Fa&width=300')),
    );
    const counts = new Map<number, number>();
    for (const { status } of replies) counts.set(status, (counts.get(status) ?? 0) + 1);
    expect([...counts.keys()].every((status) => status === 200 || status === 503)).toBe(true);
    expect(counts.get(200)).toBeGreaterThan(0);
    expect(megabytes() - before).toBeLessThan(100);
    expect((await client.ask('/')).status).toBe(200);
  }, 30_000);
});

/** Writes pieces until the server ends the connection, or all are sent. */
function send(head: string, piece: Buffer, most: number): Promise<{ answer: string; sent: number }> {
  return new Promise((resolve) => {
    const socket = connect(served.port, '127.0.0.1');
    let [answer, sent, ended] = ['', 0, false];
    const finish = () => resolve({ answer, sent });
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      ended = true;
      finish();
    });
    socket.write(head);
    const more = () => {
      while (!ended && answer === '' && sent < most) {
        sent++;
        if (!socket.write(piece)) return void socket.once('drain', more);
      }
    };
    more();
  });
}
