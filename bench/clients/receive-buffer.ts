import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import koffi from 'koffi';
import { closeDescriptor, describeSocket, SystemCallError, setReceiveBuffer } from '../../src/net/libc.ts';

// The same on all of Linux's architectures (asm-generic/unistd.h).
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

const libc = koffi.load('libc.so.6');
const syscall = libc.func('long syscall(long number, long first, long second, long third)');

/**
 * Gives the UDP socket of a program that was just started a larger receive buffer, as soon as it is bound to a port: for
 * programs that have no option for it, and without changing the host's default. Does nothing when the program ends before that.
 * @param program the file name of its executable; until the process runs this, its descriptors are somebody else's
 * @throws SystemCallError when the kernel refuses (it takes CAP_SYS_PTRACE)
 */
export async function enlargeReceiveBuffer(pid: number, program: string, bytes: number): Promise<void> {
  const process = openProcess(pid);
  if (process === undefined) return;
  try {
    for (;;) {
      const sockets = socketsOf(pid, program);
      if (sockets === undefined || sockets.some((socket) => enlarge(process, socket, bytes))) return;
      await pause(1);
    }
  } finally {
    closeDescriptor(process);
  }
}

/** A pidfd; undefined when there is no such process any more. */
function openProcess(pid: number): number | undefined {
  const process = Number(syscall(PIDFD_OPEN, pid, 0, 0));
  if (process >= 0) return process;
  if (koffi.errno() === koffi.os.errno.ESRCH) return undefined;
  throw new SystemCallError('pidfd_open');
}

/** The descriptors of a program's sockets; undefined when it has ended. */
function socketsOf(pid: number, program: string): number[] | undefined {
  const folder = `/proc/${pid}/fd`;
  try {
    if (!readlinkSync(`/proc/${pid}/exe`).endsWith(`/${program}`)) return [];
    return readdirSync(folder)
      .filter((fd) => targetOf(`${folder}/${fd}`).startsWith('socket:'))
      .map(Number);
  } catch {
    return undefined;
  }
}

/** Empty when the descriptor was closed in the meantime. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

/** Gives false for a socket that isn't bound UDP: a program also has some to ask the kernel for its interfaces. */
function enlarge(process: number, socket: number, bytes: number): boolean {
  const copy = Number(syscall(PIDFD_GETFD, process, socket, 0));
  if (copy < 0) {
    const { EBADF, ESRCH } = koffi.os.errno;
    // It was closed in the meantime.
    if (koffi.errno() === EBADF || koffi.errno() === ESRCH) return false;
    throw new SystemCallError('pidfd_getfd');
  }
  try {
    const described = describeSocket(copy);
    if (described?.type !== 'udp' || described.port === 0) return false;
    setReceiveBuffer(copy, bytes);
    return true;
  } finally {
    closeDescriptor(copy);
  }
}
