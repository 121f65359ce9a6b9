import assert from 'node:assert/strict';
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

/** A double of what sends datagrams: it sends nothing, and checks where packets go and which part of a file they hold. */
export class RecordingSender extends DatagramSender {
  readonly files = new Set<File>();
  readonly #maxBlksize: number;
  readonly #heard = new Set<Endpoint>();
  readonly #blocks = new Map<Endpoint, number>();
  #batch: Uint8Array[] = [];
  #packets = 0;

  constructor(maxBlksize: number) {
    super(0);
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

  override send(_fd: number, to: Endpoint, packet: Uint8Array): undefined {
    this.#checkPeer(to);
    assert.ok(packet[1] === Opcode.ERROR || packet[1] === Opcode.OACK, `opcode ${packet[1]}`);
    assert.ok(packet.length <= MAX_SINGLE, `a packet of ${packet.length} bytes`);
    if (packet[1] === Opcode.OACK) this.#blocks.set(to, 0);
    this.#packets += 1;
  }

  override add(address: number, length: number): Uint8Array {
    assert.ok(length >= 0 && length <= this.#maxBlksize, `a block of ${length} bytes`);
    const inside = [...this.files].some((file) => {
      return address >= file.address && address + length <= file.address + file.size;
    });
    assert.ok(inside, 'a block is a part of its file');
    const head = new Uint8Array(DATA_HEADER);
    this.#batch.push(head);
    return head;
  }

  override flush(_fd: number, to: Endpoint): undefined {
    this.#checkPeer(to);
    for (const head of this.#batch) {
      assert.equal(head[1], Opcode.DATA);
      this.#blocks.set(to, ((head[2] ?? 0) << 8) | (head[3] ?? 0));
    }
    this.#packets += this.#batch.length;
    this.#batch = [];
  }

  #checkPeer(to: Endpoint): void {
    assert.ok(this.#heard.has(to), 'only who sent something gets something');
    assert.notEqual(portOfEndpoint(to), 0, 'nothing goes to port 0');
  }
}
