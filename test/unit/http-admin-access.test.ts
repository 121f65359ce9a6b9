import test from 'ava';
import type { InjectOptions } from 'fastify';
import type { Role } from '../../src/api-tokens/token.ts';
import { createTestAdmin } from '../support/admin.ts';
import { testConfig } from '../support/provisioning.ts';
import { machineView, macNumber, RackDouble } from '../support/rack-double.ts';

const MAC = macNumber(1);
const NAMED = testConfig({
  admin: { listen: { path: '/x' }, local: { path: '/x' }, names: ['rack.example'] },
});

for (const [host, status] of [
  ['localhost', 200],
  ['localhost:9080', 200],
  ['LOCALHOST:9080', 200],
  ['127.0.0.1:9080', 200],
  ['[::1]:9080', 200],
  ['Rack.Example:9080', 401],
  ['rackseed.example', 403],
  ['localhost.example', 403],
  ['127.0.0.1.example:9080', 403],
  ['192.168.0.254', 403],
  ['127.0.0.1@example', 403],
  ['a%zz', 403],
] as const) {
  test(`asked from this host by the name ${host}, the API answers ${status}`, async (t) => {
    const { app } = await createTestAdmin(t, { config: () => NAMED });
    const answer = await app.inject({ url: '/v1/machines', headers: { host } });
    t.is(answer.statusCode, status);
    for (const url of ['/healthz', '/nothing', '/']) {
      const other = await app.inject({ url, headers: { host } });
      t.is(other.statusCode === 403, status === 403, url);
    }
  });
}

for (const [what, headers, status] of [
  ['no page at all', {}, 200],
  ['its own page', { origin: 'http://localhost:9080', 'sec-fetch-site': 'same-origin' }, 200],
  ['another site', { origin: 'https://evil.example' }, 403],
  ['another port of the same host', { origin: 'http://localhost:3000' }, 403],
  ['a page without an origin', { origin: 'null' }, 403],
  ['a browser that says cross-site', { 'sec-fetch-site': 'cross-site' }, 403],
  ['a browser that says same-site', { 'sec-fetch-site': 'same-site' }, 403],
] as const) {
  test(`a change asked by ${what} is answered ${status}`, async (t) => {
    const { app } = await createTestAdmin(t, { rack: new RackDouble([machineView(1)]) });
    const answer = await app.inject({
      method: 'POST',
      url: `/v1/machines/${MAC}/approve`,
      headers: { host: 'localhost:9080', ...headers },
    });
    t.is(answer.statusCode, status);
  });
}

test('a link from elsewhere opens the page, but no page elsewhere may ask the API', async (t) => {
  const { app, metric } = await createTestAdmin(t);
  const site = { host: 'localhost', 'sec-fetch-site': 'cross-site' };
  const link = { ...site, 'sec-fetch-mode': 'navigate' };
  t.is((await app.inject({ url: '/', headers: link })).statusCode, 200);
  t.is((await app.inject({ url: '/v1/machines', headers: site })).statusCode, 403);
  t.deepEqual(await metric('rackseed_admin_refused_total{reason="origin"}'), [
    'rackseed_admin_refused_total{reason="origin"} 1',
  ]);
});

test('behind a proxy, and from another host, a token is needed', async (t) => {
  const { app, remote, token } = await createTestAdmin(t);
  for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via']) {
    const answer = await app.inject({ url: '/v1/me', headers: { host: 'localhost', [header]: '192.0.2.1' } });
    t.is(answer.statusCode, 401, header);
  }
  const refused = await remote({ url: '/v1/me' });
  t.is(refused.statusCode, 401);
  t.is(refused.headers['www-authenticate'], 'Bearer');
  t.regex(refused.json().detail, /rackseed token create/);
  const answer = await remote({ url: '/v1/me' }, await token('operator', 'ops'));
  t.deepEqual(answer.json(), { name: 'ops', role: 'operator' });
  t.deepEqual((await app.inject('/v1/me')).json(), { name: 'local', role: 'admin' });
});

test('on this host a token that is shown decides, also when it is wrong', async (t) => {
  const { app, token } = await createTestAdmin(t);
  const ask = (authorization: string) =>
    app.inject({ url: '/v1/me', headers: { host: 'localhost', authorization } });
  t.is((await ask(`Bearer ${await token('read')}`)).json().role, 'read');
  t.is((await ask(`Bearer rs_${'x'.repeat(43)}`)).statusCode, 401);
  t.is((await ask('Basic YTpi')).statusCode, 401);
});

test('the page, the documentation and health are open', async (t) => {
  const { remote } = await createTestAdmin(t);
  for (const url of ['/', '/docs/', '/docs/static/index.css', '/openapi.json', '/healthz', '/readyz']) {
    t.is((await remote({ url })).statusCode, 200, url);
  }
  t.is((await remote({ url: '/metrics' })).statusCode, 401);
  t.is((await remote({ url: '/nothing' })).statusCode, 401);
});

const READ: readonly string[] = [
  'GET /metrics',
  'GET /v1/machines',
  `GET /v1/machines/${MAC}`,
  `GET /v1/machines/${MAC}/boots`,
  `GET /v1/machines/${MAC}/next`,
  'GET /v1/export',
  'GET /v1/leases',
  'GET /v1/networks',
  'GET /v1/profiles',
  'GET /v1/images',
  'GET /v1/images/pulls',
  'GET /v1/settings',
  'GET /v1/changes',
  'GET /v1/me',
];
const OPERATE: readonly string[] = [
  ...['approve', 'refuse', 'retire', 'adopt-disk', 'rename', 'label', 'assign', 'boot-once', 'wake'].map(
    (action) => `POST /v1/machines/${MAC}/${action}`,
  ),
  `DELETE /v1/machines/${MAC}`,
  'POST /v1/import',
  'POST /v1/images/pulls',
  'DELETE /v1/images/pulls/1',
  'DELETE /v1/images/flatcar/1',
];
const ADMINISTER: readonly string[] = ['GET /v1/tokens', 'POST /v1/tokens', 'DELETE /v1/tokens/x'];

test('each role may do what it is for, and what the roles below it may', async (t) => {
  const admin = await createTestAdmin(t, { rack: new RackDouble([machineView(1)]) });
  const roles: Role[] = ['read', 'operator', 'admin'];
  const tokens = await Promise.all(roles.map((role) => admin.token(role)));
  for (const [least, routes] of [READ, OPERATE, ADMINISTER].entries()) {
    for (const route of routes) {
      const [method, url] = route.split(' ') as [InjectOptions['method'] & string, string];
      t.is((await admin.remote({ method, url } as InjectOptions)).statusCode, 401, route);
      for (const [rank, role] of roles.entries()) {
        const answer = await admin.remote({ method, url } as InjectOptions, tokens[rank]);
        const isRefused = answer.statusCode === 401 || answer.statusCode === 403;
        t.is(
          isRefused,
          rank < least,
          `${route} as ${role}: ${answer.statusCode} ${answer.body.slice(0, 80)}`,
        );
      }
    }
  }
});

test('every route of the API is in the table of roles', async (t) => {
  const { app } = await createTestAdmin(t);
  const { paths } = (await app.inject('/openapi.json')).json() as {
    paths: Record<string, Record<string, unknown>>;
  };
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const known = [...READ, ...OPERATE, ...ADMINISTER, 'GET /v1/events']
    .filter((route) => route !== 'GET /metrics')
    .map((route) =>
      route
        .replace(MAC, '{mac}')
        .replace('/tokens/x', '/tokens/{name}')
        .replace('/pulls/1', '/pulls/{id}')
        .replace('/flatcar/1', '/{family}/{version}'),
    );
  t.deepEqual(documented.sort(), known.sort());
});

test('more than 600 requests a minute from one address and token are refused, from this host they aren’t', async (t) => {
  const { app, remote, token, metric } = await createTestAdmin(t, { limits: { requests: 3 } });
  const mine = await token('read', 'mine');
  const other = await token('read', 'other');
  for (let count = 0; count < 3; count += 1) {
    t.is((await remote({ url: '/v1/me' }, mine)).statusCode, 200);
    t.is((await app.inject('/v1/me')).statusCode, 200);
  }
  const answer = await remote({ url: '/v1/me' }, mine);
  t.is(answer.statusCode, 429);
  t.regex(String(answer.headers['content-type']), /problem\+json/);
  t.truthy(answer.headers['retry-after']);
  t.is((await remote({ url: '/nothing' }, mine)).statusCode, 429);
  t.is((await remote({ url: '/v1/me' }, other)).statusCode, 200);
  t.is((await app.inject('/v1/me')).statusCode, 200);
  t.deepEqual(await metric('rackseed_admin_refused_total{reason="limit"}'), [
    'rackseed_admin_refused_total{reason="limit"} 2',
  ]);
});

test('wrong tokens are counted and limited, and lock nobody out who has a right one', async (t) => {
  const { remote, token, metric } = await createTestAdmin(t, { limits: { failures: 3 } });
  const right = await token('read');
  const guess = () => remote({ url: '/v1/me' }, `rs_${'A'.repeat(43)}`);
  for (let count = 0; count < 3; count += 1) t.is((await guess()).statusCode, 401);
  const answer = await guess();
  t.is(answer.statusCode, 429);
  t.truthy(answer.headers['retry-after']);
  t.is((await remote({ url: '/v1/me' }, right)).statusCode, 200);
  t.deepEqual(await metric('rackseed_admin_refused_total{reason="token"}'), [
    'rackseed_admin_refused_total{reason="token"} 4',
  ]);
});

test('every answer says what a browser may do with it', async (t) => {
  const { app, remote } = await createTestAdmin(t);
  const answers = [
    await app.inject('/'),
    await app.inject('/docs/'),
    await app.inject('/v1/machines'),
    await app.inject('/nothing'),
    await remote({ url: '/v1/me' }),
    await app.inject({ url: '/', headers: { host: 'evil.example' } }),
  ];
  for (const { headers } of answers) {
    t.regex(String(headers['content-security-policy']), /^default-src 'self';.* frame-ancestors 'none'/);
    t.is(headers['x-content-type-options'], 'nosniff');
    t.is(headers['referrer-policy'], 'no-referrer');
    t.is(headers['access-control-allow-origin'], undefined);
  }
  t.is(answers[2]?.headers['cache-control'], 'no-store');
});
