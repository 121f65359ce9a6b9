import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Server } from './benchmark.ts';

/** What a server has used so far, with all the processes it started. */
export interface Usage {
  /** User and system time together, in seconds; ended children that were waited for included. */
  readonly cpuSeconds: number;
  /** Resident memory in bytes; pages that processes share are counted in each. */
  readonly residentBytes: number;
  /** The most that each process had resident so far, added up. */
  readonly peakBytes: number;
}

/** Linux counts in hundredths of a second (USER_HZ), whatever its own clock does. */
const TICKS_PER_SECOND = 100;

/** Reads the usage of a server's processes and their descendants from /proc. A process that has ended counts nothing. */
export function usageOf({ pids }: Pick<Server, 'pids'>): Usage {
  let cpuSeconds = 0;
  let residentBytes = 0;
  let peakBytes = 0;
  for (const member of pids.flatMap((pid) => [pid, ...descendantsOf(pid)])) {
    const ticks = statOf(member)?.ticks ?? 0;
    cpuSeconds += ticks / TICKS_PER_SECOND;
    residentBytes += memoryOf(member, 'VmRSS');
    peakBytes += memoryOf(member, 'VmHWM');
  }
  return { cpuSeconds, residentBytes, peakBytes };
}

/** Waits until a server has worked off what is still queued: it uses next to no time any more, or `limit` ms are over. */
export async function untilIdle(server: Pick<Server, 'pids'>, limit: number): Promise<void> {
  const deadline = performance.now() + limit;
  let before = usageOf(server).cpuSeconds;
  for (;;) {
    await pause(100);
    const now = usageOf(server).cpuSeconds;
    if (now - before < 0.025 || performance.now() > deadline) return;
    before = now;
  }
}

function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? statOf(Number(name))?.parent : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const below = (parent: number): number[] =>
    (children.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

/** proc(5), /proc/pid/stat: the parent, and utime + stime + cutime + cstime. */
function statOf(pid: number): { parent: number; ticks: number } | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  // The program's name, in parentheses, may hold anything; the numbers follow the last one.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent, , , , , , , , , , user = 0, system = 0, childUser = 0, childSystem = 0] = fields;
  return parent === undefined ? undefined : { parent, ticks: user + system + childUser + childSystem };
}

/** proc(5), /proc/pid/status, in bytes. */
function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kibibytes = 0] =
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readProc(`/proc/${pid}/status`)) ?? [];
  return Number(kibibytes) * 1024;
}

/** Empty when the process is gone. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
