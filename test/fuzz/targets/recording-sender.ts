import assert from 'node:assert/strict';
import { DatagramQueue } from '../../../src/net/datagram-queue.ts';
import { DatagramSender, type Endpoint, portOfEndpoint } from '../../../src/net/datagrams.ts';
import { Opcode } from '../../../src/tftp/packet.ts';

/** A file as its place in memory, which nobody reads here. */
export interface File {
  readonly address: number;
  readonly size: number;
}

/** Packets that one step may lead to: a window for each of a few transfers. */
const MAX_PACKETS = 3 * 32 + 1;
/** Longest ERROR or OACK. */
const MAX_SINGLE = 260;
const DATA_HEADER = 4;

/** What was sent, which is checked: where packets go, and which part of a file they hold. */
export class SentPackets {
  /** Files that are kept now. */
  readonly files = new Set<File>();
  readonly #maxBlksize: number;
  readonly #heard = new Set<Endpoint>();
  readonly #blocks = new Map<Endpoint, number>();
  #packets = 0;

  constructor(maxBlksize: number) {
    this.#maxBlksize = maxBlksize;
  }

  /** From now on packets may be sent there. */
  heardFrom(endpoint: Endpoint): void {
    this.#heard.add(endpoint);
  }

  /** Number of the block that was sent there last, 0 before the first. */
  lastBlock(endpoint: Endpoint): number {
    return this.#blocks.get(endpoint) ?? 0;
  }

  /** Called after each step. */
  checkStep(): void {
    assert.ok(this.#packets <= MAX_PACKETS, `${this.#packets} packets at once`);
    this.#packets = 0;
  }

  /** A packet without a part of a file. */
  single(to: Endpoint, packet: Uint8Array): void {
    this.#checkPeer(to);
    assert.ok(packet[1] === Opcode.ERROR || packet[1] === Opcode.OACK, `opcode ${packet[1]}`);
    assert.ok(packet.length <= MAX_SINGLE, `a packet of ${packet.length} bytes`);
    if (packet[1] === Opcode.OACK) this.#blocks.set(to, 0);
    this.#packets += 1;
  }

  /** A DATA packet: its head, and where the rest of it is. */
  block(to: Endpoint, head: Uint8Array, { address, size }: File): void {
    this.#checkPeer(to);
    assert.ok(size >= 0 && size <= this.#maxBlksize, `a block of ${size} bytes`);
    const inside = [...this.files].some((file) => {
      return address >= file.address && address + size <= file.address + file.size;
    });
    assert.ok(inside, 'a block is a part of a file that is kept');
    assert.equal(head[1], Opcode.DATA);
    this.#blocks.set(to, ((head[2] ?? 0) << 8) | (head[3] ?? 0));
    this.#packets += 1;
  }

  #checkPeer(to: Endpoint): void {
    assert.ok(this.#heard.has(to), 'only who sent something gets something');
    assert.notEqual(portOfEndpoint(to), 0, 'nothing goes to port 0');
  }
}

/** A double of what sends single packets and windows. */
export class RecordingSender extends DatagramSender {
  readonly #sent: SentPackets;
  #window: { readonly head: Uint8Array; readonly body: File }[] = [];

  constructor(sent: SentPackets) {
    super(0);
    this.#sent = sent;
  }

  override send(_fd: number, to: Endpoint, packet: Uint8Array): undefined {
    this.#sent.single(to, packet);
  }

  override add(address: number, size: number): Uint8Array {
    const head = new Uint8Array(DATA_HEADER);
    this.#window.push({ head, body: { address, size } });
    return head;
  }

  override flush(_fd: number, to: Endpoint): undefined {
    for (const { head, body } of this.#window) this.#sent.block(to, head, body);
    this.#window = [];
  }
}

/** A double of what collects the blocks that leave together. */
export class RecordingQueue extends DatagramQueue {
  readonly #sent: SentPackets;
  #waiting: { readonly to: Endpoint; readonly head: Uint8Array; readonly body: File }[] = [];

  constructor(sent: SentPackets) {
    super(0);
    this.#sent = sent;
  }

  override add(_fd: number, to: Endpoint, address: number, size: number): Uint8Array {
    const head = new Uint8Array(DATA_HEADER);
    this.#waiting.push({ to, head, body: { address, size } });
    return head;
  }

  override flush(): void {
    for (const { to, head, body } of this.#waiting) this.#sent.block(to, head, body);
    this.#waiting = [];
  }
}
