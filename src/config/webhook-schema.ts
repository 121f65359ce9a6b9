import { type StaticDecode, Type } from 'typebox';
import { oneOf, webAddress } from './text.ts';

/** What a webhook can be told of: states that a machine enters. */
export const WEBHOOK_EVENTS = [
  'discovered',
  'stuck',
  'ready',
  'registered',
  'running',
  'refused',
  'retired',
] as const;

/** What a webhook is told of that names no events: what somebody has to do something about, and that all is well. */
export const DEFAULT_WEBHOOK_EVENTS = ['discovered', 'stuck', 'ready'] as const;

/** Most webhooks: each costs a queue and a connection. */
const MAX_WEBHOOKS = 16;

const WebhookSchema = Type.Object(
  {
    url: webAddress('https://hooks.example.com/rackseed')({
      description: 'Where to POST the event, as JSON.',
    }),
    secret_file: Type.Optional(
      Type.String({
        title: 'file',
        examples: ['/etc/rackseed/webhook-secret'],
        pattern: '^[^\\0]+$',
        description:
          'File with the key that signs every message (X-Rackseed-Signature); absent means unsigned.',
      }),
    ),
    events: Type.Optional(
      Type.Array(oneOf(WEBHOOK_EVENTS, { description: 'A state that a machine enters.' }), {
        minItems: 1,
        uniqueItems: true,
        description: `What to tell of; absent means ${DEFAULT_WEBHOOK_EVENTS.join(', ')}.`,
      }),
    ),
  },
  { additionalProperties: false, description: 'A web server that is told what happens to machines.' },
);

/** `webhooks` in rackseed.yaml. */
export const WebhooksSchema = Type.Array(WebhookSchema, {
  maxItems: MAX_WEBHOOKS,
  description: 'Web servers that are told what happens to machines.',
});

/** `webhooks` in rackseed.yaml after validation. */
export type WebhooksInput = StaticDecode<typeof WebhooksSchema>;
