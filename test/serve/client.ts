/** Asks a server as programs do that are no browser: any header, any path, nothing tidied up. */
import { type IncomingHttpHeaders, request } from 'node:http';
import type { Served } from '../../src/serve/server.js';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Asking {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export class Client {
  cookie = '';

  constructor(readonly served: Served) {}

  get host(): string {
    return `127.0.0.1:${this.served.port}`;
  }

  /** Opens the address that was printed, and keeps the cookie. */
  async enter(): Promise<this> {
    const { pathname, search } = new URL(this.served.address);
    const { headers } = await this.ask(pathname + search);
    this.cookie = headers['set-cookie']![0]!.split(';')[0]!;
    return this;
  }

  ask(path: string, { method = 'GET', headers = {}, body }: Asking = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const all = { host: this.host, ...(this.cookie && { cookie: this.cookie }), ...headers };
      const asked = request({ host: '127.0.0.1', port: this.served.port, path, method, headers: all }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }));
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  /** As a page of this server would post. */
  post(path: string, body: string | Uint8Array): Promise<Reply> {
    return this.ask(path, { method: 'POST', headers: { origin: `http://${this.host}` }, body });
  }
}
