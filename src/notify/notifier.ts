import type { Webhook } from '../config/config.ts';
import type { Journal, JournalEvent } from '../machines/journal.ts';
import type { MachineView } from '../machines/rack.ts';
import type { Mac } from '../net/mac.ts';
import type { NotifyEvent } from './events.ts';
import { concerns, notificationOf } from './notification.ts';
import { WebhookSender } from './sender.ts';
import { keyOf } from './signature.ts';

/** Where it is written down how far each webhook was told, by a key that doesn't give its URL away. */
export interface WebhookPositions {
  /** All keys on record. */
  keys(): Iterable<string>;
  /** The number of the last event that the webhook has been told of, or that didn't concern it. */
  get(key: string): number | undefined;
  /** A position that is lost makes a webhook hear something twice, so this doesn't wait. */
  save(key: string, id: number): void;
  remove(key: string): void;
}

export interface NotifierOptions {
  /** The webhooks as they are configured now. */
  readonly webhooks: readonly Webhook[];
  readonly journal: Journal;
  readonly machine: (mac: Mac) => MachineView | undefined;
  readonly positions: WebhookPositions;
  readonly observe: (event: NotifyEvent) => void;
}

/** After so many events that concern nobody it is written down all the same, long before the journal drops them. */
const SAVE_AFTER = 1_000;

/**
 * Tells webhooks what happens to machines. Every message is sent at least once, unless its webhook doesn't take it for too
 * long: a restart goes on where the service before stopped, as far as the journal reaches. Nothing waits for a webhook,
 * and no webhook for another.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #senders = new Map<string, WebhookSender>();
  /** How far it is written down, by key. */
  readonly #saved = new Map<string, number>();
  readonly #unsubscribe: () => void;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.reconfigure(options.webhooks);
    this.#unsubscribe = options.journal.subscribe((event) => this.#tell(event));
  }

  /** Begins with new webhooks, forgets those that are gone, and goes on with the others. */
  reconfigure(webhooks: readonly Webhook[]): void {
    const wanted = new Map(webhooks.map((webhook) => [keyOf(webhook.url), webhook]));
    const { positions } = this.#options;
    for (const key of [...positions.keys(), ...this.#senders.keys()]) {
      if (wanted.has(key)) continue;
      void this.#senders.get(key)?.stop();
      this.#senders.delete(key);
      this.#saved.delete(key);
      positions.remove(key);
    }
    for (const [key, webhook] of wanted) {
      const sender = this.#senders.get(key);
      if (sender) sender.reconfigure(webhook);
      else this.#begin(key, webhook);
    }
  }

  /** Sends nothing more; what is left is sent after the next start. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    for (const [key, sender] of this.#senders) this.#save(key, sender);
    await Promise.all([...this.#senders.values()].map((sender) => sender.stop()));
  }

  #begin(key: string, webhook: Webhook): void {
    const { journal, positions, observe } = this.#options;
    const sender = new WebhookSender({ webhook, observe, onDone: () => this.#save(key, sender) });
    this.#senders.set(key, sender);
    const position = positions.get(key);
    const missed = position === undefined ? [] : journal.since(position);
    if (missed === undefined) observe({ type: 'gap', hook: new URL(webhook.url).origin });
    for (const event of missed ?? []) this.#tellOne(sender, event);
    this.#save(key, sender);
  }

  #tell(event: JournalEvent): void {
    for (const [key, sender] of this.#senders) {
      this.#tellOne(sender, event);
      if (event.id - (this.#saved.get(key) ?? 0) >= SAVE_AFTER) this.#save(key, sender);
    }
  }

  #tellOne(sender: WebhookSender, event: JournalEvent): void {
    if (concerns(sender.webhook, event)) {
      sender.send(notificationOf(event, this.#options.machine(event.mac)));
    }
  }

  #save(key: string, sender: WebhookSender): void {
    const { journal, positions } = this.#options;
    const position = sender.first ? sender.first.id - 1 : journal.lastId;
    if (this.#senders.get(key) !== sender || this.#saved.get(key) === position) return;
    this.#saved.set(key, position);
    positions.save(key, position);
  }
}
