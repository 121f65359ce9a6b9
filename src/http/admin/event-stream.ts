import type { ServerResponse } from 'node:http';
import type { Journal, JournalEvent } from '../../machines/journal.ts';
import type { MachineView } from '../../machines/rack.ts';
import type { Mac } from '../../net/mac.ts';
import type { AdminMetrics } from './metrics.ts';
import { showEvent, showMachine } from './views.ts';

/** How a client wants to follow. */
export interface FollowOptions {
  /** Events of these types only; undefined for all. */
  readonly types: ReadonlySet<string> | undefined;
  /** The last event it got, as it says; undefined for one that begins. */
  readonly lastEventId: string | undefined;
  /** Whose token it came with. */
  readonly caller: string;
}

/** The part of an HTTP answer that is needed here. */
export type FollowerSink = Pick<ServerResponse, 'write' | 'writableLength' | 'once' | 'end' | 'destroy'>;

/** What may wait for a client that reads slowly, bytes. */
const MAX_WAITING = 1024 * 1024;
const HEARTBEAT = 15_000;

/**
 * Server-sent events (HTML Living Standard, section 9.2) from the journal to any number of clients. What a client missed is
 * sent from the journal as fast as it reads. An event is made into bytes once, whoever gets it.
 */
export class EventStream {
  readonly #journal: Journal;
  readonly #version: string;
  readonly #metrics: AdminMetrics;
  readonly #followers = new Set<Follower>();
  readonly #frames = new WeakMap<JournalEvent, Buffer>();
  readonly #heartbeat: NodeJS.Timeout;
  #unsubscribe: (() => void) | undefined;

  constructor(journal: Journal, version: string, metrics: AdminMetrics) {
    this.#journal = journal;
    this.#version = version;
    this.#metrics = metrics;
    this.#heartbeat = setInterval(() => this.#send(Buffer.from(':\n\n')), HEARTBEAT).unref();
  }

  /** Number of clients. */
  get size(): number {
    return this.#followers.size;
  }

  /** Sends events to a client from now on, what it missed first. Its headers have been sent. */
  follow(sink: FollowerSink, { types, lastEventId, caller }: FollowOptions): void {
    const lastId = this.#journal.lastId;
    const follower: Follower = { sink, types, caller, sent: lastId, isBehind: false };
    this.#followers.add(follower);
    this.#unsubscribe ??= this.#subscribe();
    this.#metrics.followers(this.size);
    sink.once('close', () => this.#remove(follower));
    if (lastEventId === undefined) {
      this.#write(follower, frame('hello', { lastId, version: this.#version }));
      return;
    }
    const id = /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : Number.NaN;
    if (id <= lastId) {
      follower.sent = id;
      this.#catchUp(follower);
    } else {
      this.#write(follower, this.#reset());
    }
  }

  /** Ends the connections that came with a token. */
  endOf(caller: string): void {
    for (const follower of this.#followers) {
      if (follower.caller === caller) this.#end(follower);
    }
  }

  /** Ends all connections. */
  stop(): void {
    clearInterval(this.#heartbeat);
    for (const follower of this.#followers) this.#end(follower);
  }

  #end(follower: Follower): void {
    this.#remove(follower);
    follower.sink.end();
  }

  /** There is nothing to listen to while nobody follows. */
  #subscribe(): () => void {
    const ends = [
      this.#journal.subscribe((event) => this.#onEvent(event)),
      this.#journal.subscribeMachines((machines, forgotten) => this.#onMachines(machines, forgotten)),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  #onEvent(event: JournalEvent): void {
    for (const follower of this.#followers) {
      // One that is behind finds it in the journal.
      if (follower.isBehind) continue;
      follower.sent = event.id;
      if (wants(follower, event.type)) this.#write(follower, this.#frameOf(event));
    }
  }

  #onMachines(machines: readonly MachineView[], forgotten: readonly Mac[]): void {
    if (machines.length > 0) {
      const frames = machines.map((machine) => frame('machine', showMachine(machine)));
      this.#send(Buffer.concat(frames), 'machine');
    }
    if (forgotten.length > 0) {
      const frames = forgotten.map((mac) => frame('forgotten', { mac }));
      this.#send(Buffer.concat(frames), 'forgotten');
    }
  }

  /** Sends what happened since the last event that the client got, as much at a time as it takes. */
  #catchUp(follower: Follower): void {
    follower.isBehind = false;
    const events = this.#journal.since(follower.sent);
    if (!events) {
      follower.sent = this.#journal.lastId;
      this.#write(follower, this.#reset());
      return;
    }
    for (const event of events) {
      follower.sent = event.id;
      if (!wants(follower, event.type) || this.#write(follower, this.#frameOf(event))) continue;
      follower.isBehind = true;
      follower.sink.once('drain', () => this.#catchUp(follower));
      return;
    }
  }

  #send(bytes: Buffer, type?: string): void {
    for (const follower of this.#followers) {
      if (type === undefined || wants(follower, type)) this.#write(follower, bytes);
    }
  }

  /** False when the client has enough to read for now. */
  #write(follower: Follower, bytes: Buffer): boolean {
    const { sink } = follower;
    if (sink.writableLength <= MAX_WAITING) return sink.write(bytes);
    this.#remove(follower);
    this.#metrics.followerCut();
    sink.destroy();
    return false;
  }

  #remove(follower: Follower): void {
    this.#followers.delete(follower);
    this.#metrics.followers(this.size);
    if (this.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #reset(): Buffer {
    return frame('reset', { lastId: this.#journal.lastId });
  }

  #frameOf(event: JournalEvent): Buffer {
    let bytes = this.#frames.get(event);
    if (!bytes) {
      bytes = frame(event.type, showEvent(event), event.id);
      this.#frames.set(event, bytes);
    }
    return bytes;
  }
}

interface Follower {
  readonly sink: FollowerSink;
  readonly types: ReadonlySet<string> | undefined;
  readonly caller: string;
  /** The last event that was sent, or wasn't wanted. */
  sent: number;
  /** It has enough to read: what happens meanwhile stays in the journal for it. */
  isBehind: boolean;
}

function wants({ types }: Follower, type: string): boolean {
  return types?.has(type) ?? true;
}

/** One message. JSON has no line breaks outside of its strings, and writes those inside as \n. */
function frame(event: string, data: object, id?: number): Buffer {
  const number = id === undefined ? '' : `id: ${id}\n`;
  return Buffer.from(`event: ${event}\n${number}data: ${JSON.stringify(data)}\n\n`);
}
