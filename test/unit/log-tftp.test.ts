import test from 'ava';
import { pino } from 'pino';
import { logTftp } from '../../src/log-events.ts';

test('that TFTP requests go unanswered for want of something is said once a minute, not for each', (t) => {
  const lines: { readonly msg: string }[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
  for (let port = 1; port <= 100; port++) {
    const client = { address: '192.168.0.7', port };
    logTftp(logger, { type: 'dropped', client, reason: 'busy', detail: '4096 transfers run already' });
    logTftp(logger, { type: 'dropped', client, reason: 'malformed' });
  }
  t.deepEqual(
    lines.map(({ msg }) => msg),
    ['TFTP to 192.168.0.7 has to wait: 4096 transfers run already; clients like it ask again by themselves'],
  );
});
