import { collectDefaultMetrics, Registry } from 'prom-client';
import type { DhcpEvent } from '../dhcp/events.ts';
import type { HttpEvent } from '../http/events.ts';
import type { NotifyEvent } from '../notify/events.ts';
import type { SyslogEvent } from '../syslog/events.ts';
import type { TftpEvent } from '../tftp/events.ts';
import { createDhcpMetrics } from './dhcp.ts';
import { createHttpMetrics } from './http.ts';
import { createSyslogMetrics } from './syslog.ts';
import { createTftpMetrics } from './tftp.ts';
import { createWebhookMetrics } from './webhooks.ts';

/** What Prometheus reads, and where the servers' events are counted. */
export interface Metrics {
  /** Its text is what `/metrics` answers. */
  readonly registry: Registry;
  readonly observeDhcp: (event: DhcpEvent) => void;
  readonly observeTftp: (event: TftpEvent) => void;
  readonly observeHttp: (event: HttpEvent) => void;
  readonly observeSyslog: (event: SyslogEvent) => void;
  readonly observeWebhooks: (event: NotifyEvent) => void;
}

/** A registry of its own with the process's metrics (CPU, memory, event loop lag) and the servers' counters, all at zero. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    observeDhcp: createDhcpMetrics(registry),
    observeTftp: createTftpMetrics(registry),
    observeHttp: createHttpMetrics(registry),
    observeSyslog: createSyslogMetrics(registry),
    observeWebhooks: createWebhookMetrics(registry),
  };
}
