import assert from 'node:assert/strict';
import type { Endpoint } from '../../../src/net/datagrams.ts';
import type { FromThread } from '../../../src/tftp/messages.ts';
import { Responder } from '../../../src/tftp/responder.ts';
import { ack, error, request, rrq } from '../../support/tftp.ts';
import { readSteps, SEPARATOR, type Step, writeSteps } from '../frames.ts';
import type { FuzzTarget } from '../target.ts';
import { type File, RecordingQueue, RecordingSender, SentPackets } from './recording-sender.ts';

const MAX_STEPS = 24;
const MAX_BLKSIZE = 1_468;
const MAX_TRANSFERS = 3;
const MAX_PER_CLIENT = 2;
const REQUEST_SOCKET = 3;
const FIRST_SOCKET = 100;
const MAX_FILE = 200_000;

const ADDRESS = 0xc0a80007;
/** Three ports of one machine, and one of another; the last is a port that nothing can be sent to. */
const ENDPOINTS = [
  ADDRESS * 65536 + 2_000,
  ADDRESS * 65536 + 2_001,
  (ADDRESS + 1) * 65536 + 2_000,
  ADDRESS * 65536,
] as Endpoint[];

/** What a step does, in the three lowest bits of its control byte; the next two bits choose the endpoint. */
const DO = { request: 0, transfer: 1, tick: 2, serve: 3, ack: 4, refuse: 5 } as const;
/** A transfer doesn't use the socket for requests; and shares the one that was opened last, if it still is open. */
const OTHER_SOCKET = 32;
const SHARED = 128;
/** In the first step: the server has one port only. */
const SINGLE_PORT = 64;

const from = (endpoint: number, what: number, more = 0): number => what | (endpoint << 3) | more;

/** A TFTP server between its clients and the thread that finds files. */
export const target: FuzzTarget = {
  name: 'tftp-server',
  about: 'up to 24 steps of a TFTP server: datagrams, ticks, files found or not',
  seeds() {
    const options = ['octet', 'tsize', '0', 'blksize', '1468', 'windowsize', '4', 'timeout', '2'];
    const size = (bytes: number) => Buffer.of(bytes >>> 16, bytes >>> 8, bytes);
    const acks = (count: number) =>
      Array.from({ length: count }, () => [from(0, DO.ack), Buffer.alloc(0)] as const);
    return [
      writeSteps([[0, rrq('a')], [from(0, DO.serve), size(1_000)], ...acks(3)]),
      writeSteps([[0, rrq('a', ...options)], [from(0, DO.serve, OTHER_SOCKET), size(20_000)], ...acks(6)]),
      writeSteps([[SINGLE_PORT, rrq('a', ...options)], [from(0, DO.serve), size(0)], ...acks(2)]),
      writeSteps([
        [0, rrq('a', ...options)],
        [from(0, DO.serve, OTHER_SOCKET), size(20_000)],
        [from(0, DO.transfer), error(8, 'only the size')],
      ]),
      writeSteps([
        [0, rrq('a')],
        [from(1, 0), rrq('b')],
        [from(0, DO.serve, OTHER_SOCKET), size(1_000)],
        [from(0, DO.serve, OTHER_SOCKET | SHARED), size(2_000)],
        [from(0, DO.ack), Buffer.alloc(0)],
        [from(1, DO.ack), Buffer.alloc(0)],
        [from(2, DO.ack), Buffer.alloc(0)],
      ]),
      writeSteps([
        [0, rrq('a')],
        [from(0, DO.serve), size(1_000)],
        ...[1, 2, 4, 8, 60].map((seconds) => [from(0, DO.tick), Buffer.alloc(seconds)] as const),
      ]),
      writeSteps([
        [0, rrq('a')],
        [0, rrq('a')],
        [0, rrq('b')],
        [from(1, 0), rrq('c')],
        [from(2, 0), rrq('d')],
      ]),
      writeSteps([
        [0, rrq('a')],
        [from(0, DO.refuse), Buffer.alloc(0)],
        [0, request(2, 'x')],
        [0, ack(1)],
      ]),
    ];
  },
  tokens: () => [
    SEPARATOR,
    writeSteps([[0, rrq('a')]]),
    writeSteps([[from(0, DO.ack), Buffer.alloc(0)]]),
    ack(0),
  ],
  maxLength: 2_048,
  limit: 200,
  run(bytes) {
    const steps = readSteps(bytes, MAX_STEPS);
    const world = new World(((steps[0]?.control ?? 0) & SINGLE_PORT) !== 0);
    for (const step of steps) world.take(step);
    return world.end();
  },
};

/** A responder, and what stands for the sockets and the other thread. */
class World {
  readonly #sent = new SentPackets(MAX_BLKSIZE);
  readonly #queue = new RecordingQueue(this.#sent);
  readonly #sockets = new Set<number>();
  /** The requests that wait for their file, and those that haven't ended. */
  readonly #asked: number[] = [];
  readonly #alive = new Set<number>();
  readonly #files = new Map<number, File>();
  readonly #words = new Set<string>();
  readonly #responder: Responder;
  #nextSocket = FIRST_SOCKET;
  #now = 0;

  constructor(singlePort: boolean) {
    this.#responder = new Responder({
      settings: {
        maxBlksize: MAX_BLKSIZE,
        singlePort,
        maxTransfers: MAX_TRANSFERS,
        maxTransfersPerClient: MAX_PER_CLIENT,
      },
      socket: REQUEST_SOCKET,
      sender: new RecordingSender(this.#sent),
      queue: this.#queue,
      tell: (message) => this.#told(message),
      onOpen: (socket) => this.#sockets.add(socket),
      onClose: (socket) => assert.ok(this.#sockets.delete(socket), 'a socket is closed once'),
    });
  }

  take({ control, payload }: Step): void {
    const endpoint = ENDPOINTS[(control >> 3) & 3] as Endpoint;
    const what = control & 7;
    this.#now += 1;
    // What comes on a socket of transfers is taken many at a time, and only then are blocks sent.
    if (what !== DO.transfer && what !== DO.ack) this.#queue.flush();
    switch (what) {
      case DO.request:
        this.#receiveOn(REQUEST_SOCKET, payload, endpoint);
        break;
      case DO.transfer:
        this.#receiveOn(this.#lastSocket, payload, endpoint);
        break;
      case DO.ack:
        this.#receiveOn(this.#lastSocket, ack(this.#sent.lastBlock(endpoint)), endpoint);
        break;
      case DO.tick:
        this.#now += Math.min(payload.length, 90) * 1_000;
        this.#responder.tick(this.#now);
        break;
      default:
        this.#answer(control, payload);
    }
    assert.ok(this.#alive.size <= MAX_TRANSFERS, `${this.#alive.size} transfers`);
    this.#sent.checkStep();
  }

  /** Stops the server; gives what had come of it. */
  end(): readonly string[] {
    this.#queue.flush();
    this.#responder.shutdown();
    assert.ok(this.#responder.running === 0, 'a server that was stopped has no requests');
    assert.deepEqual([...this.#alive], [], 'every request has ended');
    assert.deepEqual([...this.#sockets], [], 'every socket is closed');
    return [...this.#words];
  }

  /** The socket for transfers that was opened last; while there is none, the one for requests. */
  get #lastSocket(): number {
    return [...this.#sockets].at(-1) ?? REQUEST_SOCKET;
  }

  #receiveOn(socket: number, bytes: Uint8Array, sender: Endpoint): void {
    this.#sent.heardFrom(sender);
    if (socket === REQUEST_SOCKET) this.#responder.receiveRequest(bytes, sender, this.#now);
    else this.#responder.receive(socket, bytes, sender, this.#now);
  }

  /** The other thread answers the oldest question. */
  #answer(control: number, payload: Uint8Array): void {
    const id = this.#asked.shift();
    if (id === undefined) return;
    if ((control & 7) !== DO.serve) {
      const refusal = { reason: 'not-found', code: 1, message: 'no such file' } as const;
      this.#responder.answer({ type: 'refuse', id, refusal }, this.#now);
      return;
    }
    const [high = 0, middle = 0, low = 0] = payload;
    const file: File = { address: id * 2 ** 24, size: ((high << 16) | (middle << 8) | low) % MAX_FILE };
    this.#sent.files.add(file);
    this.#files.set(id, file);
    const socket = (control & OTHER_SOCKET) !== 0 ? this.#socketFor(control) : undefined;
    this.#responder.answer({ type: 'serve', id, socket, contents: file }, this.#now);
  }

  #socketFor(control: number): number {
    const last = this.#lastSocket;
    if ((control & SHARED) !== 0 && last !== REQUEST_SOCKET) return last;
    this.#nextSocket += 1;
    return this.#nextSocket;
  }

  #told(message: FromThread): void {
    if (message.type === 'find') {
      this.#asked.push(message.id);
      this.#alive.add(message.id);
    }
    if (message.type !== 'event') return;
    const { event, ends } = message;
    if (ends !== undefined) {
      assert.ok(this.#alive.delete(ends), 'a request ends once');
      const file = this.#files.get(ends);
      if (file) this.#sent.files.delete(file);
    }
    this.#words.add('reason' in event ? `${event.type} ${event.reason}` : event.type);
  }
}
