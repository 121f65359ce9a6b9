import { get } from 'node:https';
import type { ProxyEnvironment } from './environment.ts';

/** How long a registry may take to answer, milliseconds. */
const TIMEOUT = 5_000;

/** What a proxy answers for a server that it can't reach. */
const UNREACHABLE: ReadonlySet<number> = new Set([502, 503, 504]);

/** Whether a mirror answers at an address, with a certificate of the CA (PEM). Never rejects. */
export function answers(host: string, port: number, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get({ host, port, path: '/v2/', ca, agent: false, timeout: TIMEOUT }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
  });
}

/** Whether the registry at `url` can be reached, directly or through the proxies of an environment. Never rejects. */
export async function isReachable(
  url: string,
  { HTTP_PROXY, HTTPS_PROXY, NO_PROXY }: ProxyEnvironment,
): Promise<boolean> {
  // Loaded when there is a mirror.
  const { EnvHttpProxyAgent, request } = await import('undici');
  // Only whether somebody answers counts here. The mirror itself asks for a certificate that it can trust, by the host's CAs.
  const tls = { rejectUnauthorized: false };
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: HTTP_PROXY ?? '',
    httpsProxy: HTTPS_PROXY ?? '',
    noProxy: NO_PROXY ?? '',
    connect: { timeout: TIMEOUT, ...tls },
    requestTls: tls,
    headersTimeout: TIMEOUT,
  });
  try {
    const { statusCode, body } = await request(`${url}/v2/`, {
      dispatcher,
      signal: AbortSignal.timeout(2 * TIMEOUT),
    });
    await body.dump();
    return !UNREACHABLE.has(statusCode);
  } catch {
    return false;
  } finally {
    await dispatcher.destroy();
  }
}
