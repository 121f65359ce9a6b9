import test from 'ava';
import { createMetrics } from '../../src/metrics/registry.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import type { NotifyEvent } from '../../src/notify/events.ts';
import type { SyslogEvent } from '../../src/syslog/events.ts';

const mac = parseMac('52:54:00:00:00:01') as Mac;
const hook = 'https://hooks.example.com';

const SYSLOG: readonly [SyslogEvent, line: string][] = [
  [
    { type: 'message', mac, message: { facility: 'kern', severity: 'error', text: 'x' } },
    'rackseed_syslog_messages_total{severity="error"} 1',
  ],
  [
    { type: 'dropped', reason: 'no-lease', source: '192.168.0.7' },
    'rackseed_syslog_dropped_total{reason="no-lease"} 1',
  ],
];

const WEBHOOKS: readonly [NotifyEvent, line: string][] = [
  [{ type: 'delivered', hook, failures: 3 }, 'rackseed_webhook_deliveries_total{outcome="delivered"} 1'],
  [
    { type: 'failed', hook, failures: 1, reason: 'it answers 500', pause: 1_000 },
    'rackseed_webhook_deliveries_total{outcome="failed"} 1',
  ],
  [
    { type: 'given-up', hook, reason: 'too-old', messages: 7, first: false },
    'rackseed_webhook_given_up_total{reason="too-old"} 7',
  ],
];

for (const [event, line] of SYSLOG) {
  test(`a syslog event counts as ${line}`, async (t) => {
    const metrics = createMetrics();
    metrics.observeSyslog(event);
    t.true((await metrics.registry.metrics()).split('\n').includes(line));
  });
}

for (const [event, line] of WEBHOOKS) {
  test(`an event of a webhook counts as ${line}`, async (t) => {
    const metrics = createMetrics();
    metrics.observeWebhooks(event);
    t.true((await metrics.registry.metrics()).split('\n').includes(line));
  });
}
