import { performance } from 'node:perf_hooks';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { DatagramQueue } from '../net/datagram-queue.ts';
import { DatagramReceiver, DatagramSender } from '../net/datagrams.ts';
import { acknowledge, Epoll, setTimer } from '../net/epoll.ts';
import { BatchReceiver } from '../net/udp-batches.ts';
import { type FromThread, MAX_UNREAD, type ThreadSetup, type ToThread } from './messages.ts';
import { MAX_WINDOWSIZE } from './options.ts';
import { Responder } from './responder.ts';
import { Watchfulness } from './watchfulness.ts';

/** How often running transfers are looked at for retransmissions, milliseconds. */
const SWEEP_INTERVAL = 100;
/** The longest wait when nothing runs, milliseconds: a process that ends without a stop waits as long for the thread. */
const IDLE_INTERVAL = 1_000;
const FOREVER = -1;
/** How long the thread watches for the next packet before it sleeps, milliseconds: twice what a near client needs to answer. */
const WATCH_TIME = 0.05;
/** With more requests than this being served there is mostly something to do, and what watches keeps others from it. */
const MOST_WATCHED = 2;
/** Requests taken in one go, so that a burst of them is answered soon but transfers go on meanwhile. */
const MAX_REQUESTS_PER_TURN = 16;
/** The most datagrams to a system call, of transfers that share a socket. */
const BATCH = 64;
/** No request and no ACK is longer than an Ethernet frame. */
const MAX_DATAGRAM = 2_048;

/**
 * The serving thread, with an event loop of its own: a server's speed is that of its system calls, and here a window of
 * blocks, or the single block of a lone client, costs three (epoll_wait, recvfrom, sendmsg). What comes from many is taken,
 * and the blocks for it leave, with one system call each. It opens and closes no descriptors, so that none is left behind
 * however it ends. Returns when it is told to stop.
 */
function serve(setup: ThreadSetup, port: MessagePort): void {
  const { settings, socket, wakeUp, timer } = setup;
  const unread = new Int32Array(setup.unread);
  const epoll = new Epoll(setup.epoll);
  const receiver = new DatagramReceiver(MAX_DATAGRAM);
  const batch = new BatchReceiver(BATCH, MAX_DATAGRAM);
  const queue = new DatagramQueue(BATCH);
  const tell = (message: FromThread): void => {
    Atomics.add(unread, 0, 1);
    port.postMessage(message);
  };
  const responder = new Responder({
    settings,
    socket,
    sender: new DatagramSender(MAX_WINDOWSIZE),
    queue,
    tell,
    onOpen: (opened) => epoll.add(opened),
    onClose: (closed) => epoll.remove(closed),
  });

  const takeRequests = (now: number): void => {
    for (let count = 0; count < MAX_REQUESTS_PER_TURN; count++) {
      const datagram = receiver.receive(socket);
      if (!datagram) return;
      responder.receiveRequest(datagram.bytes, datagram.sender, now);
    }
  };
  const takeFrom = (fd: number, now: number): void => {
    const transfers = responder.transfersOn(fd);
    // They may have ended a moment ago, and the descriptor be closed.
    if (transfers === 0) return;
    if (transfers === 1) {
      const datagram = receiver.receive(fd);
      if (datagram) responder.receive(fd, datagram.bytes, datagram.sender, now);
      return;
    }
    const count = batch.receive(fd);
    for (let index = 0; index < count; index++) {
      responder.receive(fd, batch.bytes(index), batch.sender(index), now);
    }
  };

  const watchfulness = new Watchfulness();
  /** Waits until something can be read, as `Epoll.wait` does; watches for it first where that pays. */
  const wait = (timeout: number): number => {
    const { running } = responder;
    if (running === 0 || running > MOST_WATCHED || !watchfulness.begins()) return epoll.wait(timeout);
    const end = performance.now() + WATCH_TIME;
    let count: number;
    do count = epoll.wait(0);
    while (count === 0 && performance.now() < end);
    watchfulness.learn(count > 0);
    return count > 0 ? count : epoll.wait(timeout);
  };

  for (const fd of [wakeUp, timer, socket]) epoll.add(fd);
  tell({ type: 'ready' });
  let takesRequests = true;
  let ticks = false;
  for (;;) {
    // A running timer ends the wait. Giving epoll_wait an end of its own would cost something with every block.
    const count = wait(ticks ? FOREVER : IDLE_INTERVAL);
    const now = performance.now();
    for (let index = 0; index < count; index++) {
      const fd = epoll.ready(index);
      if (fd === socket) {
        takeRequests(now);
      } else if (fd === wakeUp) {
        acknowledge(wakeUp);
        for (const message of waitingOn(port)) {
          if (message.type === 'stop') {
            responder.shutdown();
            return;
          }
          if (message.type === 'limit') responder.limitBlksize(message.maxBlksize);
          else responder.answer(message, now);
        }
      } else if (fd === timer) {
        acknowledge(timer);
        responder.tick(now);
      } else {
        takeFrom(fd, now);
      }
      queue.flush();
    }
    if (ticks === (responder.running === 0)) {
      ticks = !ticks;
      setTimer(timer, ticks ? SWEEP_INTERVAL : 0);
    }
    if (takesRequests !== Atomics.load(unread, 0) < MAX_UNREAD) {
      takesRequests = !takesRequests;
      if (takesRequests) epoll.add(socket);
      else epoll.remove(socket);
    }
  }
}

function* waitingOn(port: MessagePort): Generator<ToThread> {
  for (;;) {
    const received = receiveMessageOnPort(port);
    if (!received) return;
    yield received.message;
  }
}

if (!parentPort) throw new Error('this module runs in a worker thread');
serve(workerData, parentPort);
