import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import type { ProxySettings } from '../config/config.ts';
import { version } from '../version.ts';

/** What a text that is downloaded has at most, bytes: a stream's description is the largest, 100 kB. */
const MAX_TEXT = 4 * 1024 * 1024;
const MAX_REDIRECTS = 10;
const ATTEMPTS = 4;

/** The server answered, and the answer is no: asking again wouldn't help. */
export class WebRefusal extends Error {
  readonly status: number;
  constructor(url: string, status: number) {
    super(`${url} answers ${status}${status === 404 ? ': there is no such file' : ''}`);
    this.status = status;
  }
}

/** It may work in a moment: no answer, one that breaks off, or a server in trouble. */
export class WebTrouble extends Error {}

/** An answer whose body is still to come. */
export interface WebAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Buffer> & { destroy(): void };
}

/** Limits and patience; what is absent is as usual. */
export interface WebOptions {
  /** Silence after which a connection is given up, milliseconds. */
  readonly silence?: number;
  /** First of the waits between attempts, milliseconds; each is twice the one before. */
  readonly retryDelay?: number;
  /** Proxies instead of those that the environment names. */
  readonly proxy?: ProxySettings;
}

/**
 * Fetches from web servers, through the proxies that it is told of, else those that the environment names (http_proxy,
 * https_proxy, no_proxy).
 */
export class Web {
  readonly #dispatcher: Dispatcher;
  readonly #retryDelay: number;

  constructor({ silence = 30_000, retryDelay = 500, proxy }: WebOptions = {}) {
    this.#retryDelay = retryDelay;
    this.#dispatcher = new EnvHttpProxyAgent({
      ...(proxy && {
        httpProxy: proxy.http ?? '',
        httpsProxy: proxy.https ?? '',
        noProxy: proxy.noProxy.join(','),
      }),
      headersTimeout: silence,
      bodyTimeout: silence,
      connect: { timeout: Math.min(silence, 15_000) },
    });
  }

  /** A small document whole. Rejects with a WebRefusal, or with WebTrouble after a few attempts. */
  async bytes(url: string, signal?: AbortSignal): Promise<Buffer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#whole(url, signal);
      } catch (error) {
        if (!(error instanceof WebTrouble) || attempt === ATTEMPTS) throw error;
        await this.pause(attempt, signal);
      }
    }
  }

  /** The same as text, without white space around it. */
  async text(url: string, signal?: AbortSignal): Promise<string> {
    return (await this.bytes(url, signal)).toString('utf8').trim();
  }

  /** The same, undefined when there is no such file. */
  async find(url: string, signal?: AbortSignal): Promise<Buffer | undefined> {
    return this.bytes(url, signal).catch((error: unknown) => {
      if (error instanceof WebRefusal && [403, 404, 410].includes(error.status)) return undefined;
      throw error;
    });
  }

  /**
   * Asks once, following redirects, but never from HTTPS to HTTP; gives the answer as soon as its headers are there, if it
   * is 200, 206 or 416. The caller reads or destroys its body. Rejects with WebRefusal or WebTrouble.
   */
  async open(url: string, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<WebAnswer> {
    let place = url;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#ask(place, headers, signal);
      const { statusCode: status, body } = answer;
      // One that is left unread is destroyed, and would fail with nobody to hear it.
      body.on('error', () => {});
      if ([200, 206, 416].includes(status)) return { status, headers: answer.headers, body };
      body.destroy();
      const { location } = answer.headers;
      if (status >= 300 && status < 400 && typeof location === 'string' && redirects < MAX_REDIRECTS) {
        place = nextPlace(place, location);
        continue;
      }
      if (status >= 500 || status === 408 || status === 429)
        throw new WebTrouble(`${place} answers ${status}`);
      throw new WebRefusal(place, status);
    }
  }

  /** Waits before another attempt, longer each time. */
  async pause(attempt: number, signal?: AbortSignal): Promise<void> {
    const delay = Math.min(this.#retryDelay * 2 ** (attempt - 1), 15_000);
    await wait(delay, undefined, signal && { signal });
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #whole(url: string, signal: AbortSignal | undefined): Promise<Buffer> {
    const { body } = await this.open(url, {}, signal);
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of body) {
        size += chunk.length;
        if (size > MAX_TEXT) throw new WebRefusalOfSize(url);
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof WebRefusalOfSize ? error : trouble(url, error, signal);
    } finally {
      body.destroy();
    }
    return Buffer.concat(chunks);
  }

  async #ask(url: string, headers: Record<string, string>, signal: AbortSignal | undefined) {
    try {
      return await request(url, {
        dispatcher: this.#dispatcher,
        headers: { 'user-agent': `rackseed/${version}`, 'accept-encoding': 'identity', ...headers },
        ...(signal && { signal }),
      });
    } catch (error) {
      throw trouble(url, error, signal);
    }
  }
}

class WebRefusalOfSize extends Error {
  constructor(url: string) {
    super(`${url} is longer than ${MAX_TEXT} bytes, which it can't rightly be`);
  }
}

/** What a failed connection means to people; an abort stays what it is. */
export function trouble(url: string, error: unknown, signal: AbortSignal | undefined): Error {
  if (signal?.aborted) return signal.reason instanceof Error ? signal.reason : new Error('it was stopped');
  const { message, code } = error as NodeJS.ErrnoException;
  return new WebTrouble(`${url} can't be fetched (${code === undefined ? message : `${code}: ${message}`})`);
}

/** Where a redirect leads; throws an Error for one that leaves HTTPS, or the web. */
export function nextPlace(from: string, location: string): string {
  const to = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (!to || !/^https?:$/.test(to.protocol))
    throw new Error(`${from} leads to ${location}, which is no web address`);
  if (to.protocol === 'http:' && from.startsWith('https:')) {
    throw new Error(`${from} leads to ${to.origin}, which isn't HTTPS; nothing is fetched from there`);
  }
  return to.href;
}

/** True for what nobody on the way can change: HTTPS, and this host itself. */
export function isPrivateWay(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(hostname);
}

/** Throws an Error unless what comes from `url` can be trusted though nobody has signed it. */
export function requirePrivateWay(url: string, what: string): void {
  if (isPrivateWay(url)) return;
  throw new Error(
    `${what} isn't signed, and anybody could change it on its way from ${url}: name a mirror that begins with https://`,
  );
}
