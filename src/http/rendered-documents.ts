import { type BootToken, REPEAT_TIME } from '../machines/boot-token.ts';
import type { Mac } from '../net/mac.ts';
import type { DocumentRequest, RenderedDocument, SecondStage } from '../provision/document.ts';

/** Bytes of all that is kept. */
const CAPACITY = 64 * 1024 * 1024;

/** Documents of one machine; with a further one the oldest goes. */
const PER_MACHINE = 4;

interface Kept {
  readonly mac: Mac;
  readonly wanted: string;
  readonly document: Promise<RenderedDocument>;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Bytes; 0 until it's rendered. */
  size: number;
}

/**
 * What was rendered for boots that are going on: when a machine asks again, it gets the same again, and when it asks for
 * the keys, those that its document speaks of. Only in memory; what was asked for longest ago goes first.
 */
export class RenderedDocuments {
  /** By the hash of the token, the oldest first. */
  readonly #kept = new Map<string, Kept>();
  /** The hashes of each machine, the oldest first. */
  readonly #hashes = new Map<Mac, Set<string>>();
  #size = 0;

  /** The document for a token, rendered once if it has a second stage. Rejects as `render` does. */
  get(
    token: BootToken,
    wanted: DocumentRequest,
    now: number,
    render: () => Promise<RenderedDocument>,
  ): Promise<RenderedDocument> {
    this.#forgetOld(now);
    const key = token.hashes.document;
    const before = this.#kept.get(key);
    if (before?.wanted === JSON.stringify(wanted)) return before.document;
    this.#forget(key);
    const document = render();
    const kept: Kept = {
      mac: token.mac,
      wanted: JSON.stringify(wanted),
      document,
      until: token.expires + REPEAT_TIME,
      size: 0,
    };
    this.#kept.set(key, kept);
    const own = this.#hashes.get(token.mac) ?? new Set();
    this.#hashes.set(token.mac, own.add(key));
    for (const old of [...own].slice(0, Math.max(0, own.size - PER_MACHINE))) this.#forget(old);
    document.then(
      ({ text, secondStage }) => {
        if (this.#kept.get(key) !== kept) return;
        if (!secondStage) {
          this.#forget(key);
          return;
        }
        kept.size = Buffer.byteLength(text) + secondStage.body.length;
        this.#size += kept.size;
        for (const oldest of this.#kept.keys()) {
          if (this.#size <= CAPACITY || oldest === key) break;
          this.#forget(oldest);
        }
      },
      () => {
        if (this.#kept.get(key) === kept) this.#forget(key);
      },
    );
    return document;
  }

  /** What the document for a token makes the machine fetch; undefined when it isn't kept. */
  async secondStage(token: BootToken, now: number): Promise<SecondStage | undefined> {
    this.#forgetOld(now);
    const kept = this.#kept.get(token.hashes.document);
    return (await kept?.document)?.secondStage;
  }

  #forgetOld(now: number): void {
    for (const [key, { until }] of this.#kept) {
      if (until > now) return;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    this.#size -= kept.size;
    this.#kept.delete(key);
    const own = this.#hashes.get(kept.mac);
    own?.delete(key);
    if (own?.size === 0) this.#hashes.delete(kept.mac);
  }
}
