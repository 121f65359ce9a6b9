import test from 'ava';
import { pino } from 'pino';
import { Troubles } from '../../src/troubles.ts';

/** Troubles, and what is said of them in the log and in the journal. */
function troubles() {
  const logged: string[] = [];
  const published: string[] = [];
  const logger = pino({}, { write: (line: string) => void logged.push(JSON.parse(line).msg) });
  return { logged, published, troubles: new Troubles(logger, ({ detail }) => published.push(detail)) };
}

test('a trouble is said once when it begins, when its words change, and when it is over', (t) => {
  const { logged, published, troubles: all } = troubles();
  all.end('store', 'works');
  for (const detail of ['full', 'full', 'read-only', 'read-only']) all.begin('store', detail);
  all.begin('network', 'down');
  t.deepEqual([...all.current.keys()], ['store', 'network']);
  all.end('store', 'works');
  all.end('store', 'works');
  t.deepEqual(logged, ['full', 'read-only', 'down', 'works']);
  t.deepEqual(published, logged);
  t.deepEqual([...all.current], [['network', 'down']]);
});
