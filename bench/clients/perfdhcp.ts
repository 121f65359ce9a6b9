import type { Namespace } from '../../src/lab/namespace.ts';
import { start } from '../../src/lab/process.ts';
import { CLIENTS } from '../rig.ts';
import { enlargeReceiveBuffer } from './receive-buffer.ts';

/** A load of DHCP exchanges. */
export interface DhcpLoad {
  /** Four-way exchanges begun per second. */
  readonly rate: number;
  readonly seconds: number;
  /** Different hardware addresses that take part. */
  readonly clients: number;
}

/** What became of it. */
export interface DhcpOutcome {
  /** DISCOVERs sent. */
  readonly begun: number;
  /** ACKs received. */
  readonly completed: number;
  /** Average from DISCOVER to OFFER and from REQUEST to ACK, added up, in milliseconds; NaN when nothing was completed. */
  readonly latency: number;
}

/** How long answers are waited for after the last request, milliseconds. */
const LAST_ANSWERS = 500;
/**
 * perfdhcp stands for thousands of machines, each with a socket of its own. The default buffer holds some 200 replies:
 * what it then measured would be itself.
 */
const RECEIVE_BUFFER = 16 * 1024 * 1024;
const ATTEMPTS = 5;

/** Runs perfdhcp (from Kea) as a relay agent. Throws when it fails five times in a row. */
export async function perfdhcp(
  from: Namespace,
  server: string,
  { rate, seconds, clients }: DhcpLoad,
  signal: AbortSignal,
): Promise<DhcpOutcome> {
  const argv = ['perfdhcp', '-4', '-l', CLIENTS];
  // With a thread for receiving, it sometimes takes a reply before it has noted the time of the request, and gives up.
  argv.push('-g', 'single');
  argv.push('-R', `${clients}`, '-r', `${rate}`, '-p', `${seconds}`, '-W', `${LAST_ANSWERS * 1000}`, server);
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const child = await start(from.command(argv));
    const kill = () => child.kill('SIGKILL');
    const timer = setTimeout(kill, seconds * 1000 + 10_000);
    signal.addEventListener('abort', kill);
    try {
      await enlargeReceiveBuffer(child.pid, 'perfdhcp', RECEIVE_BUFFER);
      const { code, stdout, stderr } = await child.exited;
      signal.throwIfAborted();
      // 3 means that some exchanges weren't completed.
      if (code === 0 || code === 3) return readReport(stdout);
      // It also gives up when the clock was set back under it.
      if (attempt === ATTEMPTS) throw new Error(`${argv.join(' ')} failed: ${(stderr || stdout).trim()}`);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      kill();
    }
  }
}

/** Reads perfdhcp's report. Throws when it isn't one. */
export function readReport(text: string): DhcpOutcome {
  const part = (title: string) => text.split(`***Statistics for: ${title}***`)[1] ?? '';
  const offers = part('DISCOVER-OFFER');
  const acks = part('REQUEST-ACK');
  const begun = numberIn(offers, /sent packets: (\d+)/);
  const completed = numberIn(acks, /received packets: (\d+)/);
  if (Number.isNaN(begun + completed)) throw new Error(`perfdhcp gave no report:\n${text.trim()}`);
  const latency = numberIn(offers, /avg delay: ([\d.]+) ms/) + numberIn(acks, /avg delay: ([\d.]+) ms/);
  return { begun, completed, latency };
}

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? Number.NaN);
}
