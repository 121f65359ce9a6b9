import test from 'ava';
import { fillArgs } from '../../src/provision/cloud-config.ts';
import { checkPlaceholders, fillPlaceholders, PlaceholderError } from '../../src/provision/placeholders.ts';
import { VARIABLES, withMachine } from '../support/variables.ts';

const fill = (value: unknown, variables = VARIABLES) =>
  fillPlaceholders(value, variables, 'profile worker, cloud_config');

test('placeholders are filled in string values at any depth, and nothing else is touched', (t) => {
  const document = {
    hostname: '{{ machine.hostname }}',
    '{{ machine.mac }}': 'a key is no place for them',
    list: [1, true, null, 'no braces', { deep: 'rack {{ machine.labels.rack }}!' }],
  };
  t.deepEqual(fill(document), {
    hostname: 'worker-01',
    '{{ machine.mac }}': 'a key is no place for them',
    list: [1, true, null, 'no braces', { deep: 'rack r1!' }],
  });
});

const TEXTS: readonly [template: string, text: string][] = [
  ['{{ machine.mac }} {{ machine.address }}', '52:54:00:12:34:56 192.168.0.7'],
  ['{{ network.name }} {{ network.address }}/{{ network.prefix }}', 'kubernetes1 192.168.0.0/24'],
  [
    '{{ network.netmask }} {{ network.router }} {{ network.domain }}',
    '255.255.255.0 192.168.0.254 kubernetes.local',
  ],
  ['{{ network.dns | join: "," }}', '192.168.0.254,9.9.9.9'],
  [
    '{% for server in network.dns %}nameserver {{ server }};{% endfor %}',
    'nameserver 192.168.0.254;nameserver 9.9.9.9;',
  ],
  ['{{ server.url }} {{ profile.name }} {{ boot.image }}', 'http://192.168.0.254 worker flatcar/1'],
  ['{{ machine.hostname | upcase }}', 'WORKER-01'],
  ['{{ machine.serial | default: "none" }}', 'none'],
  ['{% if machine.serial %}has one{% else %}has none{% endif %}', 'has none'],
  ['{{ machine.labels["topology.zone"] }}', 'z/1'],
  ['{% raw %}{{.Names}}{% endraw %} and { { }}', '{{.Names}} and { { }}'],
  [
    'a value is not filled again: {{ machine.labels.braces }}',
    'a value is not filled again: {{ machine.mac }}',
  ],
];

for (const [template, text] of TEXTS) {
  test(`${template} becomes ${text}`, (t) => {
    t.is(fill(template), text);
  });
}

const ERRORS: readonly [template: string, message: string][] = [
  [
    '{{ machine.rack }}',
    'machine.rack is not defined; defined are machine.mac, machine.hostname, machine.address, machine.labels',
  ],
  [
    '{{ machine.labels.row }}',
    'machine.labels.row is not defined; defined are machine.labels.rack, machine.labels.topology.zone, machine.labels.braces',
  ],
  ['{{ rack }}', 'rack is not defined; defined are machine, network, server, profile, boot'],
  [
    '{{ machine.constructor }}',
    'machine.constructor is not defined; defined are machine.mac, machine.hostname, machine.address, machine.labels',
  ],
  ['{{ network.dns }}', 'a list can\'t be printed; join it, for example with | join: " "'],
  ['{{ machine.labels }}', "a table can't be printed; name one of its keys"],
  ['{% include "/etc/passwd" %}', 'tag "include" not found'],
  ['{% render "/etc/passwd" %}', 'tag "render" not found'],
  ['{% layout "/etc/passwd" %}', 'tag "layout" not found'],
  ['{{ machine.mac | shout }}', 'undefined filter: shout'],
];

for (const [template, message] of ERRORS) {
  test(`${template} is an error that names profile and path`, (t) => {
    const document = { write_files: [{ content: template }] };
    const error = t.throws(() => fill(document), { instanceOf: PlaceholderError });
    t.is(error?.message, `profile worker, cloud_config.write_files[0].content: ${message}`);
  });
}

test('one document is filled for many machines, each with its own values', (t) => {
  const document = { hostname: '{{ machine.hostname }}', same: ['for', 'all'] };
  const names = ['a', 'b', 'a'].map((hostname) => fill(document, withMachine({ hostname })));
  t.deepEqual(names, [
    { hostname: 'a', same: ['for', 'all'] },
    { hostname: 'b', same: ['for', 'all'] },
    { hostname: 'a', same: ['for', 'all'] },
  ]);
});

test('a mapping that comes out alike is the same object, until it turns out that most machines have their own', (t) => {
  const document = { a: { rack: '{{ machine.labels.rack }}' }, b: { name: '{{ machine.hostname }}' }, c: {} };
  const filled = Array.from({ length: 250 }, (_, n) =>
    fill(document, withMachine({ hostname: `node-${n}`, labels: { rack: `r${n % 20}` } })),
  ) as { a: object; b: object; c: object }[];
  t.is(filled[205]?.a, filled[225]?.a);
  t.is(filled[205]?.c, document.c);
  const again = fill(
    document,
    withMachine({ hostname: 'node-249', labels: { rack: 'r9' } }),
  ) as (typeof filled)[number];
  t.true(again.a === filled[249]?.a);
  t.not(again.b, filled[249]?.b);
  t.deepEqual(again, filled[249]);
});

test('mappings of more than half a megabyte are never remembered', (t) => {
  const document = { file: { content: `{{ machine.labels.rack }}${'x'.repeat(600_000)}` } };
  const [one, other] = [fill(document), fill(document)] as (typeof document)[];
  t.deepEqual(one, other);
  t.not(one?.file, other?.file);
});

test('so is what Liquid works out from a value', (t) => {
  const document = { size: '{{ machine.hostname.size }} {{ machine.labels.size }} {{ network.dns.first }}' };
  const sizes = [withMachine({ hostname: 'a' }), withMachine({ hostname: 'bc', labels: {} })].map((one) =>
    fill(document, one),
  );
  t.deepEqual(sizes, [{ size: '1 3 192.168.0.254' }, { size: '2 0 192.168.0.254' }]);
});

test('a document is checked without filling it: a value that some machines lack is no fault', (t) => {
  t.deepEqual(
    checkPlaceholders({ a: ['{{ machine.serial }}', '{{ machine.labels.any }}', '{{ network.dns[0] }}'] }),
    [],
  );
  t.deepEqual(
    checkPlaceholders({ a: ['{{ serial }}'] }).map(({ path }) => path),
    [['a', 0]],
  );
});

const profileWith = (...args: string[]) => ({
  name: 'worker',
  chain: ['worker'],
  boot: {
    kind: 'image',
    image: 'flatcar/1',
    kernel: 'k',
    initrds: ['i'],
    args,
    document: 'cloud-config',
    secrets: 'https',
  } as const,
});

test('kernel arguments are filled, and those that come out empty are left out', (t) => {
  const profile = profileWith(
    'quiet',
    'hostname={{ machine.hostname }}',
    '{% if machine.serial %}x=1{% endif %}',
  );
  t.deepEqual(fillArgs(profile, VARIABLES), ['quiet', 'hostname=worker-01']);
});

test('a machine that boots from disk has no kernel arguments', (t) => {
  t.deepEqual(fillArgs({ name: 'disk', chain: ['disk'], boot: { kind: 'local-disk' } }, VARIABLES), []);
});

for (const serial of ['a b', 'a\nshell', 'a\tb', '"', 'x$\u007bnet0/mac}', 'a\u0000']) {
  test(`${JSON.stringify(serial)} can't become part of a kernel argument`, (t) => {
    const error = t.throws(
      () => fillArgs(profileWith('serial={{ machine.serial }}'), withMachine({ serial })),
      {
        instanceOf: PlaceholderError,
      },
    );
    t.is(
      error?.message,
      `profile worker, boot.args[0]: ${JSON.stringify(serial)} can't stand in a kernel argument`,
    );
  });
}
