import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { load } from 'js-yaml';
import { createHttpGauge } from '../../src/metrics/http.ts';
import { createMirrorMetrics } from '../../src/metrics/mirror.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { createRoleMetrics } from '../../src/metrics/roles.ts';
import { createTftpGauge } from '../../src/metrics/tftp.ts';
import { createTroubleMetric } from '../../src/metrics/troubles.ts';
import { createTestAdmin } from '../support/admin.ts';
import { run } from '../support/process.ts';

const OPS = fileURLToPath(new URL('../../ops/', import.meta.url));

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}
interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

const dashboard = JSON.parse(await readFile(`${OPS}grafana/rackseed.json`, 'utf8')) as Dashboard;
const rules = load(await readFile(`${OPS}prometheus/rackseed.rules.yml`, 'utf8')) as Rules;
const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => [title, expr]),
);
const alerts = rules.groups.flatMap((group) => group.rules.map(({ alert, expr }) => [alert, expr]));

/** The names that can be asked for, as a live `/metrics` lists them: of a histogram those of its parts. */
async function metricNames(t: ExecutionContext): Promise<ReadonlySet<string>> {
  const { registry } = createMetrics();
  createTroubleMetric(registry, () => ['store']);
  createRoleMetrics(registry, () => []);
  createTftpGauge(registry, () => 0);
  createHttpGauge(registry, () => 0);
  createMirrorMetrics(registry, () => []);
  const admin = await createTestAdmin(t, { metrics: registry });
  const text = await (await fetch(`${await admin.listen()}/metrics`)).text();
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type = '']) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name],
  );
  return new Set(names);
}

const namesIn = (expression: string) => expression.match(/\b(?:rackseed|process|nodejs)_\w+/g) ?? [];

test('dashboard and alerts ask for metrics that the service has', async (t) => {
  const known = await metricNames(t);
  const asked = [...panels, ...alerts];
  t.true(asked.length > 40);
  for (const [title = '', expression = ''] of asked) {
    if (!expression.startsWith('up{')) t.true(namesIn(expression).length > 0, title);
    for (const name of namesIn(expression)) t.true(known.has(name), `${title} asks for ${name}`);
  }
});

test('the dashboard shows every metric of the service that is its own', async (t) => {
  const shown = new Set(panels.flatMap(([, expression = '']) => namesIn(expression)));
  const own = [...(await metricNames(t))].filter((name) => name.startsWith('rackseed_'));
  t.deepEqual(
    own.filter((name) => !shown.has(name) && !/_(?:sum|count)$/.test(name)),
    [],
  );
});

test('no two panels of the dashboard lie over each other', (t) => {
  const boxes = dashboard.panels.map(({ title, gridPos }) => ({ title, ...gridPos }));
  for (const [index, a] of boxes.entries()) {
    t.true(a.x + a.w <= 24, a.title);
    const over = boxes
      .slice(0, index)
      .filter((b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h);
    t.deepEqual(over, [], a.title);
  }
});

test('Prometheus takes the alert rules, and every alert fires when it should and only then', async (t) => {
  const check = await run(['promtool', 'check', 'rules', `${OPS}prometheus/rackseed.rules.yml`]);
  t.is(check.code, 0, check.stderr);
  const tested = await run(['promtool', 'test', 'rules', `${OPS}prometheus/rackseed.test.yml`]);
  t.is(tested.code, 0, tested.stderr);
  const cases = await readFile(`${OPS}prometheus/rackseed.test.yml`, 'utf8');
  for (const [alert = ''] of alerts) t.true(cases.includes(`"${alert}"`), `${alert} has no test`);
});
