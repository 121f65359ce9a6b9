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

/** What a crowd fetches. */
export interface CrowdFetch {
  readonly url: string;
  /** Bytes in the file. */
  readonly size: number;
  /** The address of every client; each fetches the file once. */
  readonly addresses: readonly string[];
  /** Further options, as a curl configuration file has them: `tftp-blksize = 512`. */
  readonly options: readonly string[];
}

/** curl processes that share a crowd. */
const CROWD_PROCESSES = 4;

/**
 * Has many clients fetch a file to nowhere at the same time, a few processes for all of them: a process each would use more of
 * the machine than the server does.
 * @returns how many got it complete, and how long it took until the last was done
 */
export async function fetchByCrowd(
  from: Namespace,
  { url, size, addresses, options }: CrowdFetch,
  signal: AbortSignal,
): Promise<{ readonly complete: number; readonly seconds: number }> {
  const argv = ['curl', '--silent', '--parallel', '--parallel-immediate', '--parallel-max', '300'];
  const entry = (address: string) => [
    `url = ${url}`,
    'output = /dev/null',
    `interface = ${address}`,
    'write-out = "%{size_download}\\n"',
    ...options,
  ];
  const shares = Array.from({ length: CROWD_PROCESSES }, (_, share) =>
    addresses.filter((_, index) => index % CROWD_PROCESSES === share),
  );
  const started = performance.now();
  const reports = await Promise.all(
    shares.map((share) => {
      const input = share.map((address) => entry(address).join('\n')).join('\nnext\n');
      return run(from.command([...argv, '--config', '-']), { input, signal, timeout: TIMEOUT });
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const sizes = reports.flatMap(({ stdout }) => stdout.trim().split('\n').map(Number));
  return { complete: sizes.filter((bytes) => bytes === size).length, seconds };
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
