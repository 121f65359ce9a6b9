import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import koffi from 'koffi';
import { closeDescriptor, SystemCallError, setReceiveBuffer } from '../../src/net/libc.ts';

// The same on all of Linux's architectures (asm-generic/unistd.h).
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

/**
 * Gives the sockets of a program that was just started a larger receive buffer, as soon as it has any: for programs
 * that have no option for it, and without changing the host's default. Does nothing when the program ends before that.
 * @param program the file name of its executable; until the process runs this, its descriptors are somebody else's
 * @throws SystemCallError when the kernel refuses (it takes CAP_SYS_PTRACE)
 */
export async function enlargeReceiveBuffer(pid: number, program: string, bytes: number): Promise<void> {
  const sockets = await socketsOf(pid, program);
  if (sockets.length === 0) return;
  const libc = koffi.load('libc.so.6');
  const syscall = libc.func('long syscall(long number, long first, long second, long third)');
  const checked = (name: string, number: number, first: number, second: number): number => {
    const result = Number(syscall(number, first, second, 0));
    if (result < 0) throw new SystemCallError(name);
    return result;
  };
  const process = checked('pidfd_open', PIDFD_OPEN, pid, 0);
  try {
    for (const socket of sockets) {
      const copy = checked('pidfd_getfd', PIDFD_GETFD, process, socket);
      setReceiveBuffer(copy, bytes);
      closeDescriptor(copy);
    }
  } finally {
    closeDescriptor(process);
  }
}

/** The descriptors of a program's sockets, once it has some; none when it has ended. */
async function socketsOf(pid: number, program: string): Promise<number[]> {
  const folder = `/proc/${pid}/fd`;
  for (;;) {
    try {
      if (readlinkSync(`/proc/${pid}/exe`).endsWith(`/${program}`)) {
        const sockets = readdirSync(folder).filter((fd) => targetOf(`${folder}/${fd}`).startsWith('socket:'));
        if (sockets.length > 0) return sockets.map(Number);
      }
    } catch {
      return [];
    }
    await pause(1);
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
