import test from 'ava';
import type { Profile } from '../../src/config/config.ts';
import { chooseIgnitionVersion } from '../../src/http/accept.ts';
import { Refusal } from '../../src/http/refusal.ts';
import type { DocumentRequest } from '../../src/provision/document.ts';
import { IgnitionVersionError } from '../../src/provision/ignition.ts';
import type { IgnitionVersion } from '../../src/provision/ignition-spec.ts';
import { profile } from '../support/nodes.ts';
import { type Changes, createTestApp, DISK, KNOWN, UNKNOWN, UUID } from '../support/provisioning.ts';

const FORMATS = ['cloud-config', 'ignition', 'cloud-init'] as const;

/** An app whose machine has this profile; a document says what was asked for. */
function appFor(t: Parameters<typeof createTestApp>[0], given: Profile, changes: Partial<Changes> = {}) {
  return createTestApp(t, {
    settings: { profiles: new Map([['worker', given]]) },
    renderDocument: async (_machine, _network, request) => ({ text: JSON.stringify(request) }),
    ...changes,
  });
}

const said = { cloudConfig: {} };
const IGNITION = { format: 'ignition', version: '3.3.0' } as const;

const ROUTES: readonly [string, DocumentRequest][] = [
  [`/cloud-config/${KNOWN}?token=TOKEN`, { format: 'cloud-config' }],
  [`/cloud?mac=${KNOWN}&token=TOKEN`, { format: 'cloud-config' }],
  [`/cloud?uuid=${UUID}&token=TOKEN`, { format: 'cloud-config' }],
  [`/ignition/${KNOWN}?token=TOKEN`, IGNITION],
  ['/ignition/52-54-00-00-00-01?token=TOKEN', IGNITION],
  [`/ignition?mac=${KNOWN}&token=TOKEN`, IGNITION],
  [`/ignition?uuid=${UUID}&token=TOKEN`, IGNITION],
  [`/ignition?uuid=unknown&mac=${KNOWN}&token=TOKEN`, IGNITION],
  [`/nocloud/${KNOWN}/TOKEN/user-data`, { format: 'cloud-init', file: 'user-data' }],
  [`/nocloud/${KNOWN}/TOKEN/meta-data`, { format: 'cloud-init', file: 'meta-data' }],
  [`/nocloud/${KNOWN}/TOKEN/vendor-data`, { format: 'cloud-init', file: 'vendor-data' }],
  [`/nocloud/${KNOWN}/user-data?token=TOKEN`, { format: 'cloud-init', file: 'user-data' }],
  [`/nocloud/${KNOWN}/TOKEN/network-config`, { format: 'cloud-init', file: 'network-config' }],
];

for (const [url, request] of ROUTES) {
  test(`GET ${url} is ${JSON.stringify(request)}, never kept by anything on the way`, async (t) => {
    const { app, events, token } = await appFor(t, profile(request.format, 'homemade', said));
    const answer = await app.inject(url.replace('TOKEN', await token()));
    t.is(answer.statusCode, 200);
    t.is(answer.body, JSON.stringify(request));
    t.is(answer.headers['cache-control'], 'no-store');
    t.regex(
      String(answer.headers['content-type']),
      request.format === 'ignition' ? /^application\/json/ : /^text\/plain/,
    );
    const bytes = answer.body.length;
    t.deepEqual(events, [{ type: 'document', mac: KNOWN, address: '127.0.0.1', bytes, ...kind(request) }]);
  });
}

function kind(request: DocumentRequest) {
  return request.format === 'cloud-init'
    ? { format: request.format, file: request.file }
    : { format: request.format };
}

for (const asked of FORMATS) {
  for (const written of FORMATS.filter((format) => format !== asked)) {
    test(`a machine whose document is ${written} is told so when it asks for ${asked}`, async (t) => {
      const { app } = await appFor(t, profile(written, 'homemade', said));
      const url = { 'cloud-config': 'cloud-config/', ignition: 'ignition/', 'cloud-init': 'nocloud/' }[asked];
      const answer = await app.inject(`/${url}${KNOWN}${asked === 'cloud-init' ? '/user-data' : ''}`);
      t.is(answer.statusCode, 404);
      t.is(answer.body, `profile worker of ${KNOWN} is written as ${written}, not as ${asked}\n`);
    });
  }
}

const REFUSED: readonly [string, number, RegExp][] = [
  [`/ignition/${UNKNOWN}`, 403, /may not boot yet/],
  [`/ignition/${DISK}`, 404, /^profile disk of \S+ has no document\n$/],
  [`/nocloud/${UNKNOWN}/meta-data`, 403, /may not boot yet/],
  ['/nocloud/x/user-data', 400, /^"x" is not a hardware address/],
  [`/nocloud/${KNOWN}/other`, 404, /^nothing is served at/],
  [`/nocloud/${KNOWN}/x/other`, 404, /^nothing is served at/],
  [`/nocloud/${KNOWN}/`, 404, /^nothing is served at/],
  ['/ignition', 400, /^the hardware address is missing/],
  ['/ignition?uuid=', 400, /^the hardware address is missing/],
  ['/ignition?uuid=none%0a', 404, /^no machine with the uuid "none" was seen\n$/],
];

for (const [url, status, body] of REFUSED) {
  test(`GET ${url} → ${status} ${body.source}`, async (t) => {
    const disk: Profile = { name: 'disk', chain: ['disk'], boot: { kind: 'local-disk' } };
    const profiles = new Map([
      ['worker', profile('ignition', 'homemade', said)],
      ['disk', disk],
    ]);
    const { app } = await createTestApp(t, { settings: { profiles } });
    const answer = await app.inject(url);
    t.is(answer.statusCode, status);
    t.regex(answer.body, body);
    t.is(answer.headers['cache-control'], 'no-store');
  });
}

test('a machine whose keys can’t be had now is told to come back; the log says why', async (t) => {
  const { app, events, token } = await appFor(t, profile('ignition', 'homemade', said), {
    renderDocument: async () => {
      throw new Refusal(503, 'try again', 'the API server does not answer');
    },
  });
  const answer = await app.inject(`/ignition/${KNOWN}?token=${await token()}`);
  t.is(answer.statusCode, 503);
  t.is(answer.headers['retry-after'], '2');
  t.is(answer.body, 'try again\n');
  t.like(events[0], { status: 503, reason: 'the API server does not answer' });
});

// --- versions of Ignition ---

const OLDEST =
  'application/vnd.coreos.ignition+json;version=2.2.0, application/vnd.coreos.ignition+json;version=1; q=0.5, */*;q=0.1';

const ACCEPT: readonly [string | undefined, IgnitionVersion | undefined][] = [
  [undefined, '3.3.0'],
  ['*/*', '3.3.0'],
  ['text/html,application/json;version=1', '3.3.0'],
  ['application/vnd.coreos.ignition+json', '3.3.0'],
  ['application/vnd.coreos.ignition+json;version=3.3.0, */*;q=0.1', '3.3.0'],
  ['application/vnd.coreos.ignition+json;version=3.5.0, */*;q=0.1', '3.3.0'],
  ['application/vnd.coreos.ignition+json;version=3.12.0', '3.3.0'],
  ['application/vnd.coreos.ignition+json; version=3.2.0, */*;q=0.1', '3.2.0'],
  ['Application/vnd.CoreOS.ignition+json;version="3.1.0"', '3.1.0'],
  ['application/vnd.coreos.ignition+json;version=3.0.0', '3.0.0'],
  [
    'application/vnd.coreos.ignition+json;version=2.2.0, application/vnd.coreos.ignition+json;version=3.1.0',
    '3.1.0',
  ],
  [OLDEST, undefined],
  ['application/vnd.coreos.ignition+json;version=4.0.0', undefined],
  [',;,=;version=', '3.3.0'],
];

for (const [accept, version] of ACCEPT) {
  test(`Accept: ${accept ?? '(nothing)'} → ${version ?? 'refused'}`, (t) => {
    t.is(chooseIgnitionVersion(accept), version);
  });
}

test('an Ignition that reads only versions before 3 is told what to do', async (t) => {
  const { app, token } = await appFor(t, profile('ignition', 'homemade', said));
  const url = `/ignition/${KNOWN}?token=${await token()}`;
  const answer = await app.inject({ url, headers: { accept: OLDEST } });
  t.is(answer.statusCode, 406);
  t.regex(
    answer.body,
    /^this server writes Ignition 3\.0\.0 to 3\.3\.0, which the image can't read: boot a newer/,
  );
});

test('an Ignition too old for what the profile says is told which key it is', async (t) => {
  const { app, token } = await appFor(t, profile('ignition', 'homemade', said), {
    renderDocument: async () => {
      throw new IgnitionVersionError('profile worker, ignition.storage.luks needs Ignition 3.2.0');
    },
  });
  const accept = 'application/vnd.coreos.ignition+json;version=3.0.0';
  const url = `/ignition/${KNOWN}?token=${await token()}`;
  const answer = await app.inject({ url, headers: { accept } });
  t.is(answer.statusCode, 406);
  t.is(answer.body, 'profile worker, ignition.storage.luks needs Ignition 3.2.0\n');
});
