/** Who may ask the server, and what its pages may do: `ldc serve` shows faces and runs networks, so it answers its own user alone. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { Context, MiddlewareHandler, Next } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Nothing from other hosts, nothing inline, in nobody's frame. Pictures are drawn from blobs and data URLs. */
const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': contentPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(self), microphone=(), geolocation=()',
  'cache-control': 'no-store',
};

/** Whether an address is this machine's own and no other machine reaches it. */
export function isLoopback(host: string): boolean {
  return loopback.has(host) || host === '::1';
}

/** Before anything else, so that refusals have them too. */
export const withHeaders: MiddlewareHandler = async (c, next) => {
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  await next();
};

export class Guard {
  /** Stands in the first address; the cookie holds it from then on. */
  readonly token = randomBytes(24).toString('base64url');
  /** Cookies are shared by all ports of a host: two servers must not take each other's. */
  private readonly cookie = `ldc-${randomBytes(4).toString('hex')}`;

  /** @param host the address that is listened on */
  constructor(private readonly host: string) {}

  readonly check: MiddlewareHandler = async (c, next) => {
    const { host = '', origin } = c.req.header();
    if (!this.isOurs(host)) return refuse(c, 'this name is not one of this server');
    // A page of another origin may send, even where it cannot read. A browser says where a POST comes from.
    const foreign = origin === undefined ? c.req.method !== 'GET' : !isSameOrigin(origin, host);
    if (foreign) return refuse(c, 'this request comes from another page');
    return this.checkToken(c, next);
  };

  private async checkToken(c: Context, next: Next) {
    const given = c.req.query('token');
    if (given !== undefined) {
      if (c.req.method !== 'GET' || !this.isToken(given)) return refuse(c, 'the token is wrong');
      setCookie(c, this.cookie, this.token, { httpOnly: true, sameSite: 'Strict', path: '/' });
      return c.redirect(c.req.path, 303);
    }
    if (!this.isToken(getCookie(c, this.cookie) ?? '')) {
      return refuse(c, 'open the address that ldc serve printed: it holds the token');
    }
    await next();
  }

  /** Compares digests, so that time tells nothing. */
  private isToken(text: string): boolean {
    const digest = (value: string) => createHash('sha256').update(value).digest();
    return timingSafeEqual(digest(text), digest(this.token));
  }

  /**
   * A name that somebody else chose may lead here all the same (DNS rebinding), and then names that somebody's page as the origin. Ports
   * may differ: a tunnel has another one.
   */
  private isOurs(header: string): boolean {
    const name = hostOf(header);
    if (name === undefined) return false;
    if (loopback.has(name) || name === this.host || name === `[${this.host}]`) return true;
    if (isLoopback(this.host)) return false;
    return isIP(name.replace(/^\[|\]$/g, '')) !== 0 || name === hostname().toLowerCase();
  }
}

function refuse(c: Context, why: string) {
  // What is still to come of a body is not waited for.
  c.header('connection', 'close');
  return c.text(`ldc serve: ${why}\n`, 403);
}

function isSameOrigin(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).protocol === 'http:' && new URL(origin).host === host.toLowerCase();
}

function hostOf(header: string): string | undefined {
  const url = `http://${header}`;
  return /^[\w.:[\]-]+$/.test(header) && URL.canParse(url) ? new URL(url).hostname : undefined;
}
