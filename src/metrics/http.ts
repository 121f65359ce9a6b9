import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { HttpEvent } from '../http/events.ts';
import { TRANSFER_SECONDS } from './buckets.ts';

/** Registers the `rackseed_http_*` metrics; gives the function that counts an event of the provisioning app. */
export function createHttpMetrics(registry: Registry): (event: HttpEvent) => void {
  const registers = [registry];
  const scripts = new Counter({
    name: 'rackseed_http_scripts_total',
    help: 'iPXE scripts given to machines, by what they say: boot, hold or local-disk',
    labelNames: ['answer'],
    registers,
  });
  const documents = new Counter({
    name: 'rackseed_http_documents_total',
    help: "Documents given to machines, by format; of cloud-init's files the user-data",
    labelNames: ['format'],
    registers,
  });
  const secrets = new Counter({
    name: 'rackseed_http_secrets_total',
    help: 'Keys fetched by machines over HTTPS',
    registers,
  });
  const assets = new Counter({
    name: 'rackseed_http_assets_total',
    help: 'Downloads by where the bytes came from (memory or disk) and whether the client got all of them',
    labelNames: ['source', 'result'],
    registers,
  });
  const assetBytes = new Counter({
    name: 'rackseed_http_asset_bytes_total',
    help: 'Bytes of downloads, those of broken ones included',
    labelNames: ['source'],
    registers,
  });
  const assetSeconds = new Histogram({
    name: 'rackseed_http_asset_seconds',
    help: 'Duration of complete downloads',
    labelNames: ['source'],
    buckets: TRANSFER_SECONDS,
    registers,
  });
  const phoneHome = new Counter({
    name: 'rackseed_http_phone_home_total',
    help: 'Stages reported by nodes',
    registers,
  });
  const refused = new Counter({
    name: 'rackseed_http_refused_total',
    help: 'Requests answered with an error, by route and status',
    labelNames: ['route', 'status'],
    registers,
  });

  return (event) => {
    switch (event.type) {
      case 'script':
        scripts.inc({ answer: event.answer });
        break;
      case 'document':
        if (event.file === undefined || event.file === 'user-data') documents.inc({ format: event.format });
        break;
      case 'secrets':
        secrets.inc();
        break;
      case 'asset':
        assets.inc({ source: event.source, result: event.complete ? 'complete' : 'broken' });
        assetBytes.inc({ source: event.source }, event.bytes);
        if (event.complete) assetSeconds.observe({ source: event.source }, event.milliseconds / 1000);
        break;
      case 'phone-home':
        phoneHome.inc();
        break;
      case 'refused':
        refused.inc({ route: event.route, status: event.status });
        break;
    }
  };
}

/** Registers `rackseed_http_waiting`: how many downloads `waiting` says are still to have their turn. */
export function createHttpGauge(registry: Registry, waiting: () => number): void {
  new Gauge({
    name: 'rackseed_http_waiting',
    help: 'Downloads of kernels and images that wait for their turn now; few bytes of each are sent meanwhile',
    registers: [registry],
    collect() {
      this.set(waiting());
    },
  });
}
