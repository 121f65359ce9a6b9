import { Counter, type Registry } from 'prom-client';
import type { NotifyEvent } from '../notify/events.ts';

/** Registers the `rackseed_webhook_*` metrics; gives the function that counts what happens to messages. */
export function createWebhookMetrics(registry: Registry): (event: NotifyEvent) => void {
  const tries = new Counter({
    name: 'rackseed_webhook_deliveries_total',
    help: 'Tries to deliver a message to a webhook, by outcome: delivered or failed',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const givenUp = new Counter({
    name: 'rackseed_webhook_given_up_total',
    help: 'Messages that no webhook will get: overflow (too many waited) or too-old',
    labelNames: ['reason'],
    registers: [registry],
  });

  return (event) => {
    if (event.type === 'given-up') givenUp.inc({ reason: event.reason }, event.messages);
    else if (event.type !== 'gap') tries.inc({ outcome: event.type });
  };
}
