import type { Webhook, WebhookEvent } from '../config/config.ts';
import type { JournalEvent } from '../machines/journal.ts';
import type { MachineView } from '../machines/rack.ts';
import { formatIpv4 } from '../net/ipv4.ts';

/** The events that webhooks can be told of. */
export type StateEvent = Extract<JournalEvent, { type: 'state' }>;

/** What a webhook is to be told. */
export interface Notification {
  /** The event's number in the journal. */
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly event: WebhookEvent;
  /** JSON, the same each time it is sent. */
  readonly body: string;
}

/** True for an event that the webhook is to be told of. */
export function concerns(webhook: Webhook, event: JournalEvent): event is StateEvent {
  return event.type === 'state' && webhook.events.some((wanted) => wanted === event.state);
}

/**
 * What webhooks are told of an event that concerns them. Only what machine and event are known by: no labels and no
 * document, since a webhook may be anybody's. `machine` is undefined when it has been forgotten in the meantime.
 */
export function notificationOf(event: StateEvent, machine: MachineView | undefined): Notification {
  const { id, at, mac, hostname, state, detail } = event;
  const body = {
    id,
    at: new Date(at).toISOString(),
    event: state,
    machine: {
      mac,
      hostname,
      state,
      profile: machine?.profile,
      address: machine?.address === undefined ? undefined : formatIpv4(machine.address),
      stage: machine?.stage,
    },
    detail,
  };
  return { id, at, event: state as WebhookEvent, body: JSON.stringify(body) };
}
