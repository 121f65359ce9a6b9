import type { Namespace } from '../../src/lab/namespace.ts';
import { type Finished, start } from '../../src/lab/process.ts';
import { CLIENTS } from '../rig.ts';
import { percentile } from '../summary.ts';
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
}

/** How long answers took, in milliseconds, OFFERs and ACKs alike; NaN when there were none. */
export interface DhcpLatency {
  readonly median: number;
  readonly p99: number;
}

/** What it took until every client of an avalanche had its address. */
export interface Avalanche {
  readonly seconds: number;
  /** Requests that were sent again. */
  readonly resent: number;
}

/** How long answers are waited for after the last request, milliseconds. */
const LAST_ANSWERS = 500;
/** What a program may take beyond what it was asked for, milliseconds. */
const GRACE = 10_000;
/** An avalanche ends by itself; this long is too long, milliseconds. */
const AVALANCHE_TIMEOUT = 300_000;
/**
 * perfdhcp stands for thousands of machines, each with a socket of its own. The default buffer holds some 200 replies:
 * what it then measured would be itself.
 */
const RECEIVE_BUFFER = 16 * 1024 * 1024;
const ATTEMPTS = 5;

/** Asks for addresses at a steady rate. */
export async function perfdhcp(
  from: Namespace,
  server: string,
  load: DhcpLoad,
  signal: AbortSignal,
): Promise<DhcpOutcome> {
  return readReport(await runFor(from, server, load, [], signal));
}

/** Does the same and notes the time of every packet, which costs it more: for low rates. */
export async function perfdhcpLatency(
  from: Namespace,
  server: string,
  load: DhcpLoad,
  signal: AbortSignal,
): Promise<DhcpLatency> {
  return readLatency(await runFor(from, server, load, ['-x', 't'], signal));
}

/**
 * Has all clients ask at once, each of them again after 1, 2, 4 … seconds, until all have their addresses. Infinite when some
 * have none after five minutes.
 */
export async function avalanche(
  from: Namespace,
  server: string,
  clients: number,
  signal: AbortSignal,
): Promise<Avalanche> {
  const options = ['-R', `${clients}`, '--scenario', 'avalanche'];
  const { code, stdout } = await runPerfdhcp(from, server, options, AVALANCHE_TIMEOUT, signal);
  return code === null ? { seconds: Number.POSITIVE_INFINITY, resent: Number.NaN } : readAvalanche(stdout);
}

async function runFor(
  from: Namespace,
  server: string,
  { rate, seconds, clients }: DhcpLoad,
  options: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const load = ['-R', `${clients}`, '-r', `${rate}`, '-p', `${seconds}`, '-W', `${LAST_ANSWERS * 1000}`];
  const timeout = seconds * 1000 + GRACE;
  return (await runPerfdhcp(from, server, [...load, ...options], timeout, signal)).stdout;
}

/** Runs perfdhcp (from Kea) as a relay agent. Throws when it fails five times in a row. */
async function runPerfdhcp(
  from: Namespace,
  server: string,
  options: readonly string[],
  timeout: number,
  signal: AbortSignal,
): Promise<Finished> {
  // With a thread for receiving, it sometimes takes a reply before it has noted the time of the request, and gives up.
  const argv = ['perfdhcp', '-4', '-l', CLIENTS, '-g', 'single', ...options, server];
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const child = await start(from.command(argv));
    let timedOut = false;
    const kill = () => child.kill('SIGKILL');
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, timeout);
    signal.addEventListener('abort', kill);
    try {
      await enlargeReceiveBuffer(child.pid, 'perfdhcp', RECEIVE_BUFFER);
      const finished = await child.exited;
      signal.throwIfAborted();
      // 3 means that some exchanges weren't completed.
      if (finished.code === 0 || finished.code === 3 || timedOut) return finished;
      // It also gives up when the clock was set back under it.
      if (attempt === ATTEMPTS) {
        throw new Error(`${argv.join(' ')} failed: ${(finished.stderr || finished.stdout).trim()}`);
      }
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
  const begun = numberIn(part('DISCOVER-OFFER'), /sent packets: (\d+)/);
  const completed = numberIn(part('REQUEST-ACK'), /received packets: (\d+)/);
  if (Number.isNaN(begun + completed)) throw new Error(`perfdhcp gave no report:\n${text.trim()}`);
  return { begun, completed };
}

/** Reads the times that perfdhcp prints with `-x t`: `sent / received: 000000.000034 / 000000.004323`, in seconds. */
export function readLatency(text: string): DhcpLatency {
  const times = text.matchAll(/^sent \/ received: ([\d.]+) \/ ([\d.]+)$/gm);
  const waits = Array.from(times, ([, sent, received]) => (Number(received) - Number(sent)) * 1000);
  return { median: percentile(waits, 0.5), p99: percentile(waits, 0.99) };
}

/** Reads the end of an avalanche's report. Throws when it has none. */
export function readAvalanche(text: string): Avalanche {
  const [, hours, minutes, seconds] = /It took (\d+):(\d+):([\d.]+) to provision/.exec(text) ?? [];
  if (seconds === undefined) throw new Error(`perfdhcp gave no report of the avalanche:\n${text.trim()}`);
  return {
    seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds),
    resent: numberIn(text, /Requests resent: (\d+)/),
  };
}

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? Number.NaN);
}
