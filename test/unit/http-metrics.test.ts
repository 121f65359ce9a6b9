import test from 'ava';
import type { HttpEvent } from '../../src/http/events.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import type { TftpEvent } from '../../src/tftp/events.ts';

const address = '192.168.0.7';
const client = { address, port: 1024 };

const HTTP: [HttpEvent, string[]][] = [
  [{ type: 'script', mac: 'm', address, answer: 'hold' }, ['rackseed_http_scripts_total{answer="hold"} 1']],
  [
    { type: 'document', mac: 'm', address, format: 'cloud-config', bytes: 10 },
    ['rackseed_http_documents_total{format="cloud-config"} 1'],
  ],
  [
    {
      type: 'asset',
      address,
      path: '/assets/x',
      bytes: 10,
      size: 10,
      complete: true,
      milliseconds: 70,
      source: 'memory',
    },
    [
      'rackseed_http_assets_total{source="memory",result="complete"} 1',
      'rackseed_http_asset_bytes_total{source="memory"} 10',
      'rackseed_http_asset_seconds_bucket{le="0.05",source="memory"} 0',
      'rackseed_http_asset_seconds_bucket{le="0.1",source="memory"} 1',
    ],
  ],
  [
    {
      type: 'asset',
      address,
      path: '/assets/x',
      bytes: 4,
      size: 9,
      complete: false,
      milliseconds: 1,
      source: 'disk',
    },
    [
      'rackseed_http_assets_total{source="disk",result="broken"} 1',
      'rackseed_http_asset_bytes_total{source="disk"} 4',
    ],
  ],
  [{ type: 'phone-home', mac: 'm', address, stage: 'up', detail: '' }, ['rackseed_http_phone_home_total 1']],
  [
    { type: 'refused', address, route: '/ipxe', status: 400, reason: 'x' },
    ['rackseed_http_refused_total{route="/ipxe",status="400"} 1'],
  ],
];

for (const [event, lines] of HTTP) {
  test(`an HTTP ${event.type} event counts as ${lines[0]}`, async (t) => {
    const metrics = createMetrics();
    metrics.observeHttp(event);
    const text = await metrics.registry.metrics();
    for (const line of lines) t.true(text.includes(`\n${line}\n`), line);
  });
}

const TFTP: [TftpEvent, string[]][] = [
  [{ type: 'started', client, file: 'f', size: 1 }, ['rackseed_tftp_transfers_started_total 1']],
  [
    { type: 'done', client, file: 'f', bytes: 9, milliseconds: 2000, retransmissions: 3 },
    [
      'rackseed_tftp_requests_total{result="done",reason=""} 1',
      'rackseed_tftp_sent_bytes_total 9',
      'rackseed_tftp_retransmissions_total 3',
      'rackseed_tftp_transfer_seconds_sum 2',
    ],
  ],
  [
    { type: 'probe', client, file: 'f', size: 1 },
    ['rackseed_tftp_requests_total{result="probe",reason=""} 1'],
  ],
  [
    { type: 'failed', client, file: 'f', reason: 'timeout', detail: '', bytes: 5 },
    ['rackseed_tftp_requests_total{result="failed",reason="timeout"} 1', 'rackseed_tftp_sent_bytes_total 5'],
  ],
  [
    { type: 'refused', client, file: 'f', reason: 'not-found', detail: '' },
    ['rackseed_tftp_requests_total{result="refused",reason="not-found"} 1'],
  ],
  [
    { type: 'dropped', client, reason: 'malformed' },
    ['rackseed_tftp_dropped_packets_total{reason="malformed"} 1'],
  ],
  [
    { type: 'dropped', client, reason: 'busy', detail: '4096 transfers run already' },
    ['rackseed_tftp_dropped_packets_total{reason="busy"} 1'],
  ],
];

for (const [event, lines] of TFTP) {
  test(`a TFTP ${event.type} event counts as ${lines[0]}`, async (t) => {
    const metrics = createMetrics();
    metrics.observeTftp(event);
    const text = await metrics.registry.metrics();
    for (const line of lines) t.true(text.includes(`\n${line}\n`), line);
  });
}

test('of cloud-init’s files only the user-data counts as a document', async (t) => {
  const metrics = createMetrics();
  const document = { type: 'document', mac: 'm', address, format: 'cloud-init', bytes: 1 } as const;
  for (const file of ['meta-data', 'user-data', 'vendor-data', 'network-config'] as const) {
    metrics.observeHttp({ ...document, file });
  }
  t.regex(await metrics.registry.metrics(), /^rackseed_http_documents_total\{format="cloud-init"\} 1$/m);
});

test('two sets of metrics in one process don’t share their counts', async (t) => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.observeHttp({ type: 'phone-home', mac: 'm', address, stage: 'up', detail: '' });
  t.regex(await other.registry.metrics(), /^rackseed_http_phone_home_total 0$/m);
});
