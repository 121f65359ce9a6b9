import { setTimeout as pause } from 'node:timers/promises';
import type { Webhook } from '../config/config.ts';
import type { NotifyEvent } from './events.ts';
import type { Notification } from './notification.ts';
import { post } from './post.ts';
import { NotificationQueue } from './queue.ts';

/** Most messages that wait for one webhook. */
export const CAPACITY = 1_000;

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 300_000;
/** A message that can't be delivered is given up so long after it happened, milliseconds. */
const LONGEST_TRYING = 3_600_000;

/** How long to wait after so many failures in a row, milliseconds: twice as long each time, up to five minutes. */
export function backOff(failures: number): number {
  return Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);
}

export interface SenderOptions {
  readonly webhook: Webhook;
  readonly observe: (event: NotifyEvent) => void;
  /** The sender is done with a message, whether it was delivered or given up. */
  readonly onDone: () => void;
}

/** Sends one webhook its messages, one after the other in their order, and again until it takes them. */
export class WebhookSender {
  readonly #options: SenderOptions;
  readonly #hook: string;
  readonly #queue = new NotificationQueue(CAPACITY);
  readonly #stopping = new AbortController();
  #webhook: Webhook;
  #working: Promise<void> | undefined;
  /** Tries that failed in a row. */
  #failures = 0;
  /** Why messages were given up since the last that was delivered. */
  readonly #givenUp = new Set<'overflow' | 'too-old'>();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#webhook = options.webhook;
    this.#hook = new URL(options.webhook.url).origin;
  }

  /** The webhook as it is configured now. */
  get webhook(): Webhook {
    return this.#webhook;
  }

  /** Takes over a changed configuration of the same webhook; what waits is still sent. */
  reconfigure(webhook: Webhook): void {
    this.#webhook = webhook;
  }

  /** The oldest message that isn't done. */
  get first(): Notification | undefined {
    return this.#queue.first;
  }

  /** Has a message sent when its turn comes. Returns at once. */
  send(notification: Notification): void {
    if (this.#queue.push(notification)) this.#giveUp('overflow', 1);
    this.#working ??= this.#work();
  }

  /** Ends the try going on; what waits isn't sent any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    for (let next = this.#queue.first; next && !signal.aborted; next = this.#queue.first) {
      const reason = await post(this.#webhook, next, signal);
      if (signal.aborted) return;
      if (reason === undefined) this.#delivered(next);
      else await this.#failed(reason, signal);
    }
    // At once, not when the promise is settled: something may be sent in between.
    this.#working = undefined;
  }

  #delivered(notification: Notification): void {
    this.#queue.remove(notification);
    this.#options.observe({ type: 'delivered', hook: this.#hook, failures: this.#failures });
    this.#failures = 0;
    this.#givenUp.clear();
    this.#options.onDone();
  }

  async #failed(reason: string, signal: AbortSignal): Promise<void> {
    this.#failures += 1;
    const milliseconds = backOff(this.#failures);
    this.#options.observe({
      type: 'failed',
      hook: this.#hook,
      failures: this.#failures,
      reason,
      pause: milliseconds,
    });
    const tooOld = this.#queue.removeOlderThan(Date.now() - LONGEST_TRYING);
    if (tooOld > 0) this.#giveUp('too-old', tooOld);
    // Rejects when it is to stop.
    await pause(milliseconds, undefined, { signal, ref: false }).catch(() => {});
  }

  #giveUp(reason: 'overflow' | 'too-old', messages: number): void {
    const first = !this.#givenUp.has(reason);
    this.#givenUp.add(reason);
    this.#options.observe({ type: 'given-up', hook: this.#hook, reason, messages, first });
    this.#options.onDone();
  }
}
