import { Counter, type Registry } from 'prom-client';
import type { SyslogEvent } from '../syslog/events.ts';

/** Registers the `rackseed_syslog_*` metrics; gives the function that counts an event of the syslog receiver. */
export function createSyslogMetrics(registry: Registry): (event: SyslogEvent) => void {
  const registers = [registry];
  const messages = new Counter({
    name: 'rackseed_syslog_messages_total',
    help: 'Messages of machines, by severity',
    labelNames: ['severity'],
    registers,
  });
  const dropped = new Counter({
    name: 'rackseed_syslog_dropped_total',
    help: 'Messages left out: from an address without a lease, empty, or too many of one machine (rate, boot)',
    labelNames: ['reason'],
    registers,
  });

  return (event) => {
    if (event.type === 'message') messages.inc({ severity: event.message.severity });
    else if (event.type === 'dropped') dropped.inc({ reason: event.reason });
  };
}
