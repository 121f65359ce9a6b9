import { setTimeout as pause } from 'node:timers/promises';
import type { Namespace } from '../../src/lab/namespace.ts';
import { type Child, run, runChecked } from '../../src/lab/process.ts';

const TIMEOUT = 120_000;
const READY_TIMEOUT = 10_000;

/** What several curls fetch at the same time. */
export interface Fetch {
  readonly url: string;
  /** Bytes in one file. */
  readonly size: number;
  /** curl processes at the same time. */
  readonly clients: number;
  /** Files that each fetches, one after the other. */
  readonly files: number;
  /** Further arguments. */
  readonly options?: readonly string[];
}

/** What was fetched, and how long it took from the start of the first curl to the end of the last. */
export interface Fetched {
  readonly bytes: number;
  readonly seconds: number;
}

/** Fetches files to nowhere. Throws when one of them doesn't arrive complete within two minutes. */
export async function fetchFiles(
  from: Namespace,
  { url, size, clients, files, options = [] }: Fetch,
  signal: AbortSignal,
): Promise<Fetched> {
  const targets = Array.from({ length: files }, () => ['--output', '/dev/null', url]).flat();
  const report = ['--write-out', '%{size_download}\\n'];
  const curl = from.command([
    'curl',
    '--silent',
    '--show-error',
    '--fail',
    ...options,
    ...report,
    ...targets,
  ]);
  const started = performance.now();
  const reports = await Promise.all(
    Array.from({ length: clients }, () => runChecked(curl, { signal, timeout: TIMEOUT })),
  );
  const seconds = (performance.now() - started) / 1000;
  const sizes = reports.flatMap((text) => text.trim().split('\n').map(Number));
  if (sizes.length !== clients * files || sizes.some((bytes) => bytes !== size)) {
    throw new Error(`${url} did not arrive complete: ${sizes.join(', ')} bytes instead of ${size} each`);
  }
  return { bytes: clients * files * size, seconds };
}

/** Asks a server for a small file until it gives it. Throws when it has ended, or after ten seconds. */
export async function untilFetched(
  from: Namespace,
  server: Child,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  const deadline = performance.now() + READY_TIMEOUT;
  for (;;) {
    const curl = ['curl', '--silent', '--show-error', '--max-time', '1', '--output', '/dev/null', url];
    const { code, stderr } = await run(from.command(curl), { signal });
    if (code === 0) return;
    if (ended || performance.now() > deadline) {
      await server.stop();
      throw new Error(`${url} can't be fetched: ${stderr.trim()}\n${server.output().trim()}`);
    }
    await pause(20);
  }
}
