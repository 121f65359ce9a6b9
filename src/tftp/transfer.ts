/** How long to wait before the first retransmission when the client didn't say, milliseconds. */
const DEFAULT_TIMEOUT = 1_000;
/**
 * A transfer that makes no progress for this long is given up, milliseconds. The wait doubles with each try, so
 * by default the same window is sent at 0, 1, 3, 7, 15 and 31 s.
 */
const PATIENCE = 60_000;
/**
 * The same for a client that has acknowledged nothing yet: if it is still there it sends its request again, which begins the
 * transfer anew. Until then it would take the place of others that ask.
 */
const FIRST_ACK_PATIENCE = 15_000;
/** The same once only the last ACK is missing: some ROMs never send it. */
const LAST_ACK_PATIENCE = 15_000;

/** What one transfer needs to know in advance. */
export interface TransferPlan {
  /** Bytes to send. */
  readonly size: number;
  readonly blksize: number;
  readonly windowsize: number;
  /** Seconds before the first retransmission (RFC 2349), when the client asked for one. */
  readonly timeout?: number;
  /** True when options were accepted: the transfer then begins with an OACK, counted as block 0. */
  readonly oack: boolean;
}

/** What to do next. */
export type TransferStep =
  | { readonly type: 'wait' }
  /** Send these blocks, both ends included. Numbers don't wrap: block 65536 goes out as 0. Block 0 is the OACK. */
  | { readonly type: 'send'; readonly first: number; readonly last: number }
  /** The client has the whole file. */
  | { readonly type: 'done' }
  /** The client fell silent. */
  | { readonly type: 'timeout' };

const WAIT: TransferStep = { type: 'wait' };
const DONE: TransferStep = { type: 'done' };
const TIMEOUT: TransferStep = { type: 'timeout' };

/**
 * The sender's side of one read transfer (RFC 1350 §2, windows RFC 7440): takes ACKs and the passing of time, says
 * which blocks to send. Has no socket and no clock; `now` is in milliseconds on any monotonic scale.
 */
export class Transfer {
  readonly #plan: TransferPlan;
  /** Number of the last block: the first one shorter than `blksize`, possibly empty. */
  readonly #count: number;
  /** What counts as acknowledged before the client has said anything: the OACK is still to come, or block 1 is. */
  readonly #start: number;
  readonly #timeout: number;
  /** Highest block acknowledged. */
  #acked: number;
  /** Highest block sent. */
  #sent: number;
  /** When something was acknowledged last. */
  #progressAt: number;
  /** The wait before the next retransmission. */
  #delay: number;
  /** When to retransmit, or to give up if that comes first. */
  #deadline: number;
  /** True when blocks of the current window, or of the one before, were sent more than once. */
  #resent = false;
  #resentBefore = false;
  #retransmissions = 0;

  constructor(plan: TransferPlan, now: number) {
    this.#plan = plan;
    this.#count = Math.floor(plan.size / plan.blksize) + 1;
    this.#start = plan.oack ? -1 : 0;
    this.#timeout = plan.timeout === undefined ? DEFAULT_TIMEOUT : plan.timeout * 1_000;
    this.#acked = this.#start;
    this.#sent = this.#start;
    this.#progressAt = now;
    this.#delay = this.#timeout;
    this.#deadline = now + this.#delay;
  }

  /** The first thing to send: the OACK or block 1. */
  begin(): TransferStep {
    return this.#sendWindow();
  }

  /** An ACK with the 16-bit number `block` came. */
  ack(block: number, now: number): TransferStep {
    // A window is far smaller than 65536 blocks, so the low 16 bits name one block of it or none.
    const ahead = (block - this.#acked) & 0xffff;
    const acked = this.#acked + ahead;
    if (acked > this.#sent) return WAIT;
    if (ahead === 0) return this.#duplicateAck(now);
    this.#acked = acked;
    this.#progressAt = now;
    if (acked === this.#count) return DONE;
    this.#resentBefore = this.#resent;
    // An ACK inside the window says that the block after it was lost: resume there (RFC 7440 §4).
    this.#resent = acked < this.#sent;
    this.#waitAnew(now);
    return this.#sendWindow();
  }

  /**
   * The client's request came again. It has lost our first packet, or started over with the same port number: begin
   * again, unless it acknowledged something a moment ago; then the request is a late duplicate.
   */
  repeat(now: number): TransferStep {
    if (this.#acked !== this.#start) {
      if (now - this.#progressAt < this.#timeout) return WAIT;
      this.#acked = this.#start;
      this.#sent = this.#start;
      this.#progressAt = now;
      this.#waitAnew(now);
    }
    return this.#sendWindow();
  }

  /** Time has passed. */
  tick(now: number): TransferStep {
    if (now < this.#deadline) return WAIT;
    if (now >= this.#giveUpAt()) return this.#onlyLastAckMissing() ? DONE : TIMEOUT;
    this.#delay *= 2;
    this.#deadline = Math.min(now + this.#delay, this.#giveUpAt());
    this.#resent = true;
    return this.#sendWindow();
  }

  /** Bytes the client has acknowledged. */
  get bytes(): number {
    return Math.min(Math.max(this.#acked, 0) * this.#plan.blksize, this.#plan.size);
  }

  /** True until the client acknowledges anything. */
  get untouched(): boolean {
    return this.#acked === this.#start;
  }

  /** When the client last acknowledged something new; at first, when the transfer began. */
  get progressAt(): number {
    return this.#progressAt;
  }

  /** Packets sent again because they, or their ACKs, seemed lost. */
  get retransmissions(): number {
    return this.#retransmissions;
  }

  /**
   * A duplicate ACK must not be answered, or every later packet goes out twice (the Sorcerer's Apprentice Syndrome).
   * In a windowed transfer it can also mean that the window's first block was lost (RFC 7440 §4): then the window
   * is sent again, once, and not right after another resend, so that an echo dies out.
   */
  #duplicateAck(now: number): TransferStep {
    if (this.#plan.windowsize === 1 || this.untouched || this.#resent || this.#resentBefore) return WAIT;
    this.#resent = true;
    this.#deadline = Math.min(now + this.#delay, this.#giveUpAt());
    return this.#sendWindow();
  }

  #sendWindow(): TransferStep {
    const first = this.#acked + 1;
    // The OACK is sent alone: the client must accept it before data flows.
    const last = first === 0 ? 0 : Math.min(this.#acked + this.#plan.windowsize, this.#count);
    this.#retransmissions += Math.max(0, Math.min(last, this.#sent) - first + 1);
    this.#sent = Math.max(this.#sent, last);
    return { type: 'send', first, last };
  }

  #waitAnew(now: number): void {
    this.#delay = this.#timeout;
    this.#deadline = Math.min(now + this.#delay, this.#giveUpAt());
  }

  /** A client with a long `timeout` gets at least one retransmission. */
  #giveUpAt(): number {
    return this.#progressAt + Math.max(this.#patience(), 2 * this.#timeout);
  }

  #patience(): number {
    if (this.untouched) return FIRST_ACK_PATIENCE;
    return this.#onlyLastAckMissing() ? LAST_ACK_PATIENCE : PATIENCE;
  }

  /** Every block but the last is acknowledged, by a client that has acknowledged something at all. */
  #onlyLastAckMissing(): boolean {
    return this.#acked === this.#count - 1 && !this.untouched;
  }
}
