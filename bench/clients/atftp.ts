import type { Namespace } from '../../src/lab/namespace.ts';
import { runChecked } from '../../src/lab/process.ts';

const TIMEOUT = 300_000;

/** One file by TFTP, in windows (RFC 7440). */
export interface WindowFetch {
  readonly server: string;
  readonly file: string;
  readonly blksize: number;
  readonly windowsize: number;
}

/** Fetches a file to nowhere with atftp; gives the seconds it took. Throws when it fails. */
export async function fetchInWindows(
  from: Namespace,
  { server, file, blksize, windowsize }: WindowFetch,
  signal: AbortSignal,
): Promise<number> {
  const options = ['--option', `blksize ${blksize}`, '--option', `windowsize ${windowsize}`];
  const target = ['--get', '--remote-file', file, '--local-file', '/dev/null', server, '69'];
  const started = performance.now();
  await runChecked(from.command(['atftp', ...options, ...target]), { signal, timeout: TIMEOUT });
  return (performance.now() - started) / 1000;
}
