import { createHash } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import type { Profile } from '../../src/config/config.ts';
import { GuessLimit } from '../../src/http/guess-limit.ts';
import { createHttpsApp } from '../../src/http/https-app.ts';
import { RenderedDocuments } from '../../src/http/rendered-documents.ts';
import { Turns } from '../../src/http/turns.ts';
import { REPEAT_TIME, secretsToken } from '../../src/machines/boot-token.ts';
import { identify } from '../../src/machines/identity.ts';
import { type DocumentRequest, renderDocument } from '../../src/provision/document.ts';
import { profile } from '../support/nodes.ts';
import { JOIN, KUBERNETES } from '../support/profiles.ts';
import {
  createTestApp,
  DISK,
  KNOWN,
  NETWORK,
  testConfig,
  testTokens,
  UNKNOWN,
} from '../support/provisioning.ts';
import { VARIABLES } from '../support/variables.ts';

const ADDRESS = '192.168.0.7';
const STRANGER = '192.168.0.66';

/** Both apps of a network whose machine is a worker, at a time that the test sets. */
async function bootFor(t: ExecutionContext, format: DocumentRequest['format'] = 'cloud-config') {
  const worker = profile(format, 'flatcar', { kubernetes: KUBERNETES });
  const clock = { now: Date.parse('2026-03-01T10:00:00Z') };
  const settings = { profiles: new Map<string, Profile>([['worker', worker]]) };
  let keys = 0;
  const shared = {
    tokens: testTokens(),
    guesses: new GuessLimit(),
    rendered: new RenderedDocuments(),
    bootCa: () => 'CA\n',
    now: () => clock.now,
    leasedAddress: (mac: string) => ({ [KNOWN]: ADDRESS, [DISK]: '192.168.0.8' })[mac],
    renderDocument: async (
      _: unknown,
      __: unknown,
      request: DocumentRequest,
      delivery?: { url: string; caPem: string },
    ) => {
      keys += 1;
      return renderDocument(request, {
        profile: worker,
        variables: VARIABLES,
        join: { ...JOIN, kubeconfig: `key ${keys}\n` },
        adoptDisk: false,
        ...(delivery && { delivery }),
      });
    },
  };
  const test = await createTestApp(t, { ...shared, settings });
  const https = (rendered: RenderedDocuments) => {
    const { app } = createHttpsApp({
      ...shared,
      rendered,
      network: NETWORK,
      config: () => testConfig(settings),
      identify: (mac) => identify(testConfig(settings), mac),
      cache: test.cache,
      checkFile: async () => {},
      turns: new Turns(() => performance.now()),
      fillArgs: () => [],
      machineAt: () => undefined,
      findByUuid: () => undefined,
      onInventory: () => {},
      observe: (event) => test.events.push(event),
      ready: () => true,
      logger: pino({ level: 'silent' }),
    });
    t.teardown(() => app.close());
    return app;
  };
  const secrets = https(shared.rendered);
  const get = (url: string, remoteAddress = ADDRESS) => test.app.inject({ url, remoteAddress });
  return {
    ...test,
    clock,
    get,
    getSecrets: (token: string, remoteAddress = ADDRESS, mac: string = KNOWN) =>
      secrets.inject({ url: `/secrets/${mac}?token=${token}`, remoteAddress }),
    tokens: shared.tokens,
    /** As another process would answer that has the same tokens. */
    getAfterRestart: (token: string) =>
      https(new RenderedDocuments()).inject({
        url: `/secrets/${KNOWN}?token=${token}`,
        remoteAddress: ADDRESS,
      }),
    refusals: () => test.events.flatMap((event) => (event.type === 'refused' ? [event] : [])),
    /** The token that a machine's own script carries. */
    async scriptToken(address = ADDRESS): Promise<string | undefined> {
      const { body } = await get(`/ipxe?mac=${KNOWN}`, address);
      return /[?&]token=([\w-]+)/.exec(body)?.[1];
    },
  };
}

const PATH = `/cloud-config/${KNOWN}`;

test('a script for the address that the machine has leased carries a token, any other none', async (t) => {
  const { scriptToken } = await bootFor(t);
  t.regex((await scriptToken()) ?? '', /^[\w-]{43}$/);
  t.is(await scriptToken(STRANGER), undefined);
  t.not(await scriptToken(), await scriptToken());
});

test('a stranger who asks for a machine’s script a hundred times takes no token from it', async (t) => {
  const { scriptToken, get } = await bootFor(t);
  const token = await scriptToken();
  for (let count = 0; count < 100; count += 1) await scriptToken(STRANGER);
  t.is((await get(`${PATH}?token=${token}`)).statusCode, 200);
});

test('HEAD makes no token and uses none up', async (t) => {
  const { app, scriptToken, clock, get, events } = await bootFor(t);
  const token = await scriptToken();
  const head = (url: string) => app.inject({ method: 'HEAD', url, remoteAddress: ADDRESS });
  for (let count = 0; count < 10; count += 1) await head(`/ipxe?mac=${KNOWN}`);
  t.is((await head(`${PATH}?token=${token}`)).statusCode, 200);
  clock.now += REPEAT_TIME + 1;
  t.is((await get(`${PATH}?token=${token}`)).statusCode, 200);
  t.is(events.filter(({ type }) => type === 'document').length, 1);
});

test('each refusal has a reason of its own, for the machine and for the administrator', async (t) => {
  const { scriptToken, get, clock, refusals, tokens } = await bootFor(t);
  const token = (await scriptToken()) ?? '';
  const old = (await scriptToken()) ?? '';
  const disk = await tokens.issue(DISK, '192.168.0.8', 'http', clock.now);
  t.is((await get(`${PATH}?token=${token}`)).statusCode, 200);

  const cases: [url: string, from: string, answer: RegExp, reason: RegExp][] = [
    [
      PATH,
      ADDRESS,
      /ask with the token from its boot script/,
      /without a token; 52:54:00:00:00:01 has 192\.168\.0\.7$/,
    ],
    [`${PATH}?token=${'x'.repeat(43)}`, ADDRESS, /not known/, /with a token that nobody was given/],
    [
      `${PATH}?token=${token}`,
      STRANGER,
      /given to another address/,
      /^192\.168\.0\.66 asked for the document of 52:54:00:00:00:01 .* 52:54:00:00:00:01 got it at 192\.168\.0\.7$/,
    ],
    [
      `${PATH}?token=${disk}`,
      ADDRESS,
      /given to another machine/,
      /of another machine: 52:54:00:00:00:02 got it at 192\.168\.0\.8$/,
    ],
    [`/cloud-config/${UNKNOWN}?token=${token}`, ADDRESS, /may not boot yet/, /may not boot yet/],
  ];
  for (const [url, from, answer, reason] of cases) {
    const { statusCode, body, headers } = await get(url, from);
    t.is(statusCode, 403);
    t.regex(body, answer);
    t.is(headers['cache-control'], 'no-store');
    t.regex(refusals().at(-1)?.reason ?? '', reason);
  }

  clock.now += REPEAT_TIME + 1000;
  t.regex((await get(`${PATH}?token=${token}`)).body, /used up; boot the machine again/);
  t.regex(
    refusals().at(-1)?.reason ?? '',
    /^192\.168\.0\.7 .* used up 2 min 1 s ago: .* got it at 192\.168\.0\.7$/,
  );
  clock.now += 900_000;
  t.regex((await get(`${PATH}?token=${old}`)).body, /has expired; boot the machine again/);
  t.regex(refusals().at(-1)?.reason ?? '', /has expired 2 min 1 s ago/);
  t.true(refusals().every((event) => !event.isRepeated && !event.reason.includes(token)));
});

test('a token is worth nothing once its address is leased to somebody else', async (t) => {
  const leases = new Map<string, string>([[KNOWN, ADDRESS]]);
  const { app, token } = await createTestApp(t, { leasedAddress: (mac) => leases.get(mac) });
  const url = `${PATH}?token=${await token(KNOWN, ADDRESS)}`;
  leases.set(KNOWN, '192.168.0.9');
  t.is((await app.inject({ url, remoteAddress: ADDRESS })).statusCode, 403);
});

test('beside another DHCP server a token is good where its machine is seen, and nowhere else', async (t) => {
  let moves = true;
  const { app, token } = await createTestApp(t, {
    leasedAddress: (_, from) => (from === '192.168.0.66' ? ADDRESS : from),
    addressesMove: () => moves,
  });
  const url = `${PATH}?token=${await token(KNOWN, ADDRESS)}`;
  const statusFrom = async (remoteAddress: string) => (await app.inject({ url, remoteAddress })).statusCode;
  t.is(await statusFrom('192.168.0.66'), 403);
  t.is(await statusFrom('192.168.0.130'), 200);
  moves = false;
  t.is(await statusFrom('192.168.0.130'), 403);
});

test('nobody is asked for keys before the token is known to be good', async (t) => {
  let rendered = 0;
  const { app } = await createTestApp(t, {
    renderDocument: async () => {
      rendered += 1;
      return { text: 'x' };
    },
  });
  await app.inject(`${PATH}?token=${'x'.repeat(43)}`);
  t.is(rendered, 0);
});

test('the document is delivered again for two minutes, and is then the same', async (t) => {
  const { scriptToken, get, clock } = await bootFor(t);
  const url = `${PATH}?token=${await scriptToken()}`;
  const { body } = await get(url);
  clock.now += REPEAT_TIME;
  t.is((await get(url)).body, body);
  clock.now += 1;
  t.is((await get(url)).statusCode, 403);
});

test('all files of NoCloud take one token, which user-data alone uses up', async (t) => {
  const { app, get, clock } = await bootFor(t, 'cloud-init');
  const { body } = await app.inject({ url: `/ipxe?mac=${KNOWN}`, remoteAddress: ADDRESS });
  const [, folder = ''] = /s=http:\/\/192\.168\.0\.254(\/nocloud\/\S+\/)/.exec(body) ?? [];
  for (const file of ['meta-data', 'vendor-data', 'network-config']) {
    t.is((await get(`${folder}${file}`)).statusCode, 200);
    clock.now += REPEAT_TIME;
  }
  t.is((await get(`${folder}user-data`)).statusCode, 200);
  t.is((await get(`${folder}vendor-data`)).statusCode, 200);
  clock.now += REPEAT_TIME + 1;
  for (const file of ['user-data', 'meta-data']) t.is((await get(`${folder}${file}`)).statusCode, 403);
});

test('the keys want a token of their own, and it is used up like the document’s', async (t) => {
  const { scriptToken, get, getSecrets, clock, events } = await bootFor(t);
  const token = (await scriptToken()) ?? '';
  t.is((await getSecrets(token)).statusCode, 403, 'the one on the kernel’s command line');
  t.regex(
    (await get(`${PATH}?token=${token}`)).body,
    new RegExp(`/secrets/52-54-00-00-00-01\\?token=${secretsToken(token)}`),
  );
  const answer = await getSecrets(secretsToken(token));
  t.is(answer.statusCode, 200);
  t.is(answer.headers['content-type'], 'application/x-tar');
  t.is(answer.headers['cache-control'], 'no-store');
  t.true(answer.body.includes('key 1\n'), 'those that were made for the document');
  t.deepEqual(events.at(-1), {
    type: 'secrets',
    mac: KNOWN,
    address: ADDRESS,
    bytes: answer.rawPayload.length,
  });
  t.is((await getSecrets(secretsToken(token), STRANGER)).statusCode, 403);
  t.is((await getSecrets(secretsToken(token), ADDRESS, UNKNOWN)).statusCode, 403);
  clock.now += REPEAT_TIME;
  t.is((await getSecrets(secretsToken(token))).body, answer.body);
  clock.now += 1;
  t.regex((await getSecrets(secretsToken(token))).body, /used up/);
});

test('what the HTTPS server serves is nowhere else, and nothing else is served there', async (t) => {
  const { scriptToken, get, getSecrets } = await bootFor(t);
  const token = secretsToken((await scriptToken()) ?? '');
  t.is((await get(`/secrets/${KNOWN}?token=${token}`)).statusCode, 404);
  t.is((await getSecrets(token, ADDRESS, '../ipxe')).statusCode, 404);
});

test('Ignition gets the configuration that its document names the hash of, whoever asks at the same time', async (t) => {
  const { scriptToken, get, getSecrets } = await bootFor(t, 'ignition');
  const token = (await scriptToken()) ?? '';
  const both = await Promise.all([1, 2].map(() => get(`/ignition/${KNOWN}?token=${token}`)));
  t.is(both[0]?.body, both[1]?.body);
  const { body } = await getSecrets(secretsToken(token));
  t.true(both[0]?.body.includes(createHash('sha512').update(body).digest('hex')));
});

test('after a restart keys are made anew; for an Ignition that knows their hash the machine has to boot again', async (t) => {
  const cloudConfig = await bootFor(t);
  const token = (await cloudConfig.scriptToken()) ?? '';
  await cloudConfig.get(`${PATH}?token=${token}`);
  t.true((await cloudConfig.getAfterRestart(secretsToken(token))).body.includes('key 2\n'));

  const ignition = await bootFor(t, 'ignition');
  const other = (await ignition.scriptToken()) ?? '';
  await ignition.get(`/ignition/${KNOWN}?token=${other}`);
  const answer = await ignition.getAfterRestart(secretsToken(other));
  t.is(answer.statusCode, 410);
  t.regex(answer.body, /restarted since it wrote the document; boot the machine again/);
});

test('guesses are answered ten times, then refused for a minute, and told of twice', async (t) => {
  const { get, scriptToken, clock, refusals } = await bootFor(t);
  const token = await scriptToken();
  const statuses: number[] = [];
  for (let count = 0; count < 1000; count += 1) {
    const guess = Buffer.from(`guess ${count}`.padEnd(32)).toString('base64url');
    statuses.push((await get(`${PATH}?token=${guess}`, STRANGER)).statusCode);
    clock.now += 10;
  }
  t.deepEqual(
    [statuses.filter((status) => status === 403).length, statuses.filter((status) => status === 429).length],
    [10, 990],
  );
  t.is(refusals().length, 1000, 'all are counted');
  t.deepEqual(
    refusals().flatMap(({ isRepeated, status, reason }) => (isRepeated ? [] : [[status, reason]])),
    [
      [
        403,
        `${STRANGER} asked for the document of ${KNOWN} with a token that nobody was given, or long ago; ${KNOWN} has ${ADDRESS}`,
      ],
      [
        429,
        `${STRANGER} has sent too many wrong tokens and is refused for a minute; 9 of them were not told one by one`,
      ],
    ],
  );
  t.is((await get(`${PATH}?token=${token}`)).statusCode, 200, 'the machine itself is not concerned');
});
