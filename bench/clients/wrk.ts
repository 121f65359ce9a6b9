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
  const argv = ['wrk', '-t', '2', '-c', `${connections}`, '-d', `${seconds}s`, ...lines, url];
  const report = await runChecked(from.command(argv), { signal, timeout: seconds * 1000 + 30_000 });
  const rate = Number(/^Requests\/sec:\s+([\d.]+)/m.exec(report)?.[1] ?? Number.NaN);
  if (Number.isNaN(rate) || /Non-2xx|Socket errors/.test(report))
    throw new Error(`wrk on ${url}:\n${report}`);
  return rate;
}
