import { fileURLToPath } from 'node:url';
import type { Namespace } from '../../src/lab/namespace.ts';
import { runChecked } from '../../src/lab/process.ts';

/** Requests that are repeated as fast as they are answered. */
export interface HttpLoad {
  readonly url: string;
  readonly headers: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

/** Runs wrk with two threads; gives the requests answered per second. Throws when some failed or weren't answered with 2xx. */
export async function wrk(
  from: Namespace,
  { url, headers, connections, seconds }: HttpLoad,
  signal: AbortSignal,
): Promise<number> {
  const lines = headers.flatMap((header) => ['-H', header]);
  const report = await run(from, { url, connections, seconds }, lines, signal);
  return report.rate;
}

const BOOT_REQUESTS = fileURLToPath(new URL('boot-requests.lua', import.meta.url));

/**
 * Lets 10,000 machines ask for their scripts and documents, as fast as they are answered. Gives how many machines a second got
 * both, and what 99 of 100 answers took at most, milliseconds. Throws as `wrk` does.
 */
export async function wrkBoots(
  from: Namespace,
  load: Omit<HttpLoad, 'headers'>,
  signal: AbortSignal,
): Promise<{ readonly rate: number; readonly p99: number }> {
  const { rate, text } = await run(from, load, ['--latency', '-s', BOOT_REQUESTS], signal);
  const [, number, unit = ''] = /^\s+99%\s+([\d.]+)(us|ms|s)$/m.exec(text) ?? [];
  return { rate: rate / 2, p99: Number(number) * (MILLISECONDS[unit] ?? Number.NaN) };
}

const MILLISECONDS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

async function run(
  from: Namespace,
  { url, connections, seconds }: Omit<HttpLoad, 'headers'>,
  options: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly rate: number; readonly text: string }> {
  const argv = ['wrk', '-t', '2', '-c', `${connections}`, '-d', `${seconds}s`, ...options, url];
  const text = await runChecked(from.command(argv), { signal, timeout: seconds * 1000 + 30_000 });
  const rate = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(text)?.[1] ?? Number.NaN);
  if (Number.isNaN(rate) || /Non-2xx|Socket errors/.test(text)) throw new Error(`wrk on ${url}:\n${text}`);
  return { rate, text };
}
