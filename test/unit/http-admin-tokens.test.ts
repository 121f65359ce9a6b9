import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pino } from 'pino';
import { ApiTokens } from '../../src/api-tokens/api-tokens.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { createTestAdmin, MemoryTokens } from '../support/admin.ts';

const NOW = Date.parse('2026-01-02T03:04:05Z');
const fail = (error: unknown) => {
  throw error;
};

test('a token is 32 random bytes, and only its hash is kept', async (t) => {
  const storage = new MemoryTokens();
  const tokens = new ApiTokens(storage, fail);
  const token = await tokens.create('ci', 'operator', NOW);
  t.regex(token, /^rs_[A-Za-z0-9_-]{43}$/);
  t.not(await tokens.create('other', 'read', NOW), token);
  t.false(JSON.stringify([...storage.apiTokens()]).includes(token.slice(3, 20)));
  t.like(new ApiTokens(storage, fail).find(token, NOW), { name: 'ci', role: 'operator' });
});

for (const [what, spoil] of [
  ['another last letter', (token: string) => token.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A'))],
  ['a letter less', (token: string) => token.slice(0, -1)],
  ['a letter more', (token: string) => `${token}A`],
  ['other case', (token: string) => token.toUpperCase()],
  ['no prefix', (token: string) => token.slice(3)],
  ['nothing at all', () => ''],
] as const) {
  test(`a token with ${what} is nobody’s`, async (t) => {
    const tokens = new ApiTokens(new MemoryTokens(), fail);
    t.is(tokens.find(spoil(await tokens.create('ci', 'read', NOW)), NOW), undefined);
  });
}

test('tokens and their last use survive a restart, revoked ones don’t come back', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-tokens-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const before = openLmdbStore(folder, fail);
  const tokens = new ApiTokens(before, fail);
  const kept = await tokens.create('kept', 'operator', NOW);
  const revoked = await tokens.create('revoked', 'admin', NOW);
  tokens.find(kept, NOW + 1);
  await tokens.revoke('revoked');
  await before.close();
  const after = openLmdbStore(folder, fail);
  const again = new ApiTokens(after, fail);
  t.like(again.list(), [{ name: 'kept', role: 'operator', created: NOW, lastUsed: NOW + 1 }]);
  t.deepEqual(again.find(kept, NOW + 2), { name: 'kept', role: 'operator' });
  t.is(again.find(revoked, NOW + 2), undefined);
  await after.close();
  const bytes = await readFile(join(folder, 'data.mdb'));
  t.false(bytes.includes(kept.slice(3)) || bytes.includes(revoked.slice(3)));
});

test('the last use is noted at most once a minute', async (t) => {
  const storage = new MemoryTokens();
  let saved = 0;
  const tokens = new ApiTokens(
    {
      apiTokens: () => storage.apiTokens(),
      removeApiToken: (name) => storage.removeApiToken(name),
      async saveApiToken(record) {
        saved += 1;
        await storage.saveApiToken(record);
      },
    },
    fail,
  );
  const token = await tokens.create('ci', 'read', NOW);
  t.is(tokens.list()[0]?.lastUsed, undefined);
  for (const after of [0, 1, 59_999]) tokens.find(token, NOW + after);
  t.is(saved, 2);
  t.is(tokens.list()[0]?.lastUsed, NOW);
  tokens.find(token, NOW + 60_000);
  t.is(saved, 3);
});

test('a token that couldn’t be written down doesn’t exist', async (t) => {
  const broken = Object.assign(new MemoryTokens(), {
    saveApiToken: () => Promise.reject(new Error('disk full')),
  });
  const tokens = new ApiTokens(broken, fail);
  await t.throwsAsync(tokens.create('ci', 'read', NOW), { message: 'disk full' });
  t.deepEqual(tokens.list(), []);
});

test('tokens are made, listed and revoked through the API, which tells the token once', async (t) => {
  const { app, remote } = await createTestAdmin(t);
  const made = await app.inject({
    method: 'POST',
    url: '/v1/tokens',
    payload: { name: 'ci', role: 'admin' },
  });
  t.is(made.statusCode, 201);
  const { token, ...rest } = made.json();
  t.deepEqual(rest, { name: 'ci', role: 'admin' });
  const listed = await remote({ url: '/v1/tokens' }, token);
  t.false(listed.body.includes(token));
  const [shown] = listed.json().tokens;
  t.deepEqual(Object.keys(shown), ['name', 'role', 'created', 'lastUsed']);
  const revoked = await remote({ method: 'DELETE', url: '/v1/tokens/ci' }, token);
  t.is(revoked.statusCode, 204);
  t.is((await remote({ url: '/v1/tokens' }, token)).statusCode, 401);
  t.is((await app.inject({ method: 'DELETE', url: '/v1/tokens/ci' })).statusCode, 404);
  const { changes } = (await app.inject('/v1/changes')).json();
  t.deepEqual(
    changes.map(({ action, by, detail }: Record<string, string>) => `${by} ${action} ${detail}`),
    ['ci revoke-token ci', 'local create-token ci, admin'],
  );
});

test('a name is given to one token only, and never to be mistaken for a caller on this host', async (t) => {
  const { app } = await createTestAdmin(t);
  const create = (name: unknown) =>
    app.inject({ method: 'POST', url: '/v1/tokens', payload: { name, role: 'read' } });
  t.is((await create('ci')).statusCode, 201);
  t.is((await create('ci')).statusCode, 409);
  t.is((await create('local')).statusCode, 409);
  t.is((await create('a b')).statusCode, 400);
  t.is((await create('')).statusCode, 400);
  t.is((await create(5)).statusCode, 400);
});

test('no token gets into the log, right or wrong, whatever is asked with it', async (t) => {
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const { app, remote, rack, token } = await createTestAdmin(t, { logger });
  const right = await token('admin');
  const wrong = `rs_${'s'.repeat(43)}`;
  rack.journal.changes = () => {
    throw new Error('broken');
  };
  for (const shown of [right, wrong]) {
    await remote({ url: '/v1/changes' }, shown);
    await remote({ url: '/v1/machines?limit=x' }, shown);
    await remote({ method: 'POST', url: '/v1/tokens', payload: { name: 'x', role: 'read' } }, shown);
    await remote({ method: 'POST', url: '/v1/tokens', payload: shown }, shown);
  }
  await app.inject('/v1/changes');
  const log = lines.join('');
  t.regex(log, /broken/);
  t.false(log.includes(right));
  t.false(log.includes(wrong));
});
