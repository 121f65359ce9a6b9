import koffi from 'koffi';
import { SystemCallError } from './libc.ts';
import { allocate } from './memory.ts';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const CLOCK_MONOTONIC = 1;
const TFD_CLOEXEC = 0o2000000;
const TFD_NONBLOCK = 0o4000;

/** struct epoll_event in 32-bit words: its size, and where its data are. It is packed on x86-64 only. */
const EVENT = process.arch === 'x64' ? { size: 3, data: 1 } : { size: 4, data: 2 };
/** Descriptors told of at one time; what doesn't fit is told of the next time. */
const MAX_EVENTS = 256;

const libc = koffi.load('libc.so.6');
const epoll_create1 = libc.func('int epoll_create1(int flags)');
const epoll_ctl = libc.func('int epoll_ctl(int epoll, int operation, int fd, uintptr_t event)');
const epoll_wait = libc.func('int epoll_wait(int epoll, uintptr_t events, int count, int timeout)');
const eventfd = libc.func('int eventfd(unsigned int value, int flags)');
const eventfd_write = libc.func('int eventfd_write(int fd, uint64_t value)');
const timerfd_create = libc.func('int timerfd_create(int clock, int flags)');
const timerfd_settime = libc.func('int timerfd_settime(int fd, int flags, const void *value, void *old)');
const read = libc.func('long read(int fd, uintptr_t bytes, size_t length)');

/** Where eventfds and timerfds put their counts, which don't matter here. */
const counter = allocate(8);

function check(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call);
  return result;
}

/** A new epoll(7) descriptor. Throws SystemCallError. */
export function openEpoll(): number {
  return check('epoll_create1', epoll_create1(EPOLL_CLOEXEC));
}

/** Waits on an epoll(7) descriptor, in whichever thread. */
export class Epoll {
  readonly #fd: number;
  readonly #events = allocate(MAX_EVENTS * EVENT.size * 4);
  readonly #event = allocate(EVENT.size * 4);

  /** The descriptor stays the caller's to close. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Watches `fd` for something to read, until `remove` or until it is closed. Throws SystemCallError. */
  add(fd: number): void {
    this.#event.words[0] = EPOLLIN;
    this.#event.words[EVENT.data] = fd;
    check('epoll_ctl', epoll_ctl(this.#fd, EPOLL_CTL_ADD, fd, this.#event.address));
  }

  /** Watches `fd` no longer. Throws SystemCallError. */
  remove(fd: number): void {
    check('epoll_ctl', epoll_ctl(this.#fd, EPOLL_CTL_DEL, fd, 0));
  }

  /**
   * Waits until a descriptor can be read, at most `timeout` milliseconds or, with -1, for ever; blocks the thread
   * meanwhile. Gives how many can; 0 after the timeout or a signal. Throws SystemCallError.
   */
  wait(timeout: number): number {
    const count: number = epoll_wait(this.#fd, this.#events.address, MAX_EVENTS, timeout);
    if (count >= 0) return count;
    if (koffi.errno() !== koffi.os.errno.EINTR) throw new SystemCallError('epoll_wait');
    return 0;
  }

  /** One of the descriptors that `wait` found, counted from 0. */
  ready(index: number): number {
    return this.#events.words[index * EVENT.size + EVENT.data] ?? -1;
  }
}

/** A new eventfd(2): one thread's way to wake another that waits in `Epoll`. Throws SystemCallError. */
export function openEventfd(): number {
  return check('eventfd', eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/** Makes an eventfd readable. Throws SystemCallError. */
export function raise(fd: number): void {
  check('eventfd_write', eventfd_write(fd, 1));
}

/** A new timerfd(2) that doesn't run yet; it becomes readable with every tick. Throws SystemCallError. */
export function openTimer(): number {
  return check('timerfd_create', timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

/** Lets a timerfd tick every `interval` milliseconds, below 1000; 0 stops it. Throws SystemCallError. */
export function setTimer(fd: number, interval: number): void {
  const nanoseconds = BigInt(interval) * 1_000_000n;
  // struct itimerspec: the interval and the time to the first tick, each in seconds and nanoseconds.
  const times = BigInt64Array.of(0n, nanoseconds, 0n, nanoseconds);
  check('timerfd_settime', timerfd_settime(fd, 0, times, null));
}

/** Makes an eventfd or timerfd unreadable until it is raised again, or ticks again. */
export function acknowledge(fd: number): void {
  read(fd, counter.address, 8);
}
