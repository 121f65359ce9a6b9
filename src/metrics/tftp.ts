import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { TftpEvent } from '../tftp/events.ts';
import { TRANSFER_SECONDS } from './buckets.ts';

/** Registers the `rackseed_tftp_*` metrics; gives the function that counts an event of the TFTP server. */
export function createTftpMetrics(registry: Registry): (event: TftpEvent) => void {
  const registers = [registry];
  const requests = new Counter({
    name: 'rackseed_tftp_requests_total',
    help: 'Read and write requests by how they ended: done, probe, failed or refused, and why',
    labelNames: ['result', 'reason'],
    registers,
  });
  const started = new Counter({
    name: 'rackseed_tftp_transfers_started_total',
    help: 'Transfers begun',
    registers,
  });
  const bytes = new Counter({
    name: 'rackseed_tftp_sent_bytes_total',
    help: 'Bytes of files acknowledged by clients, those of broken transfers included',
    registers,
  });
  const retransmissions = new Counter({
    name: 'rackseed_tftp_retransmissions_total',
    help: 'Windows sent again in transfers that were completed',
    registers,
  });
  const dropped = new Counter({
    name: 'rackseed_tftp_dropped_packets_total',
    help: 'Packets that got no answer, and why: malformed, unexpected-opcode; busy, client-busy or resources are requests that come again',
    labelNames: ['reason'],
    registers,
  });
  const seconds = new Histogram({
    name: 'rackseed_tftp_transfer_seconds',
    help: 'Duration of completed transfers',
    buckets: TRANSFER_SECONDS,
    registers,
  });

  return (event) => {
    switch (event.type) {
      case 'started':
        started.inc();
        break;
      case 'done':
        requests.inc({ result: 'done', reason: '' });
        bytes.inc(event.bytes);
        retransmissions.inc(event.retransmissions);
        seconds.observe(event.milliseconds / 1000);
        break;
      case 'probe':
        requests.inc({ result: 'probe', reason: '' });
        break;
      case 'failed':
        requests.inc({ result: 'failed', reason: event.reason });
        bytes.inc(event.bytes);
        break;
      case 'refused':
        requests.inc({ result: 'refused', reason: event.reason });
        break;
      case 'dropped':
        dropped.inc({ reason: event.reason });
        break;
    }
  };
}

/** Registers `rackseed_tftp_transfers`: how many requests `running` says are being served. */
export function createTftpGauge(registry: Registry, running: () => number): void {
  new Gauge({
    name: 'rackseed_tftp_transfers',
    help: 'Read requests being served now, those whose client has fallen silent included',
    registers: [registry],
    collect() {
      this.set(running());
    },
  });
}
