import type { Notification } from './notification.ts';

/** What waits to be sent to one webhook, in order; beyond its capacity the oldest goes. */
export class NotificationQueue {
  readonly #capacity: number;
  readonly #waiting: Notification[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get first(): Notification | undefined {
    return this.#waiting[0];
  }

  /** Adds one at the end; gives the one that had to go for it. */
  push(notification: Notification): Notification | undefined {
    this.#waiting.push(notification);
    return this.#waiting.length > this.#capacity ? this.#waiting.shift() : undefined;
  }

  /** Takes one out that was the first a moment ago; it may have had to go since. */
  remove(notification: Notification): void {
    if (this.#waiting[0] === notification) this.#waiting.shift();
  }

  /** Takes out what happened before a moment, milliseconds since the epoch; gives how many. */
  removeOlderThan(moment: number): number {
    const young = this.#waiting.findIndex(({ at }) => at >= moment);
    return this.#waiting.splice(0, young < 0 ? this.#waiting.length : young).length;
  }
}
