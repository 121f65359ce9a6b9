import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { load } from 'js-yaml';
import type { Profile } from '../../src/config/config.ts';
import { checkCloudConfig, renderCloudConfig } from '../../src/provision/cloud-config.ts';
import { describeNode } from '../../src/provision/node.ts';
import { PlaceholderError } from '../../src/provision/placeholders.ts';
import type { Variables } from '../../src/provision/variables.ts';
import { VARIABLES, withMachine } from '../support/variables.ts';

const profile = (cloudConfig: Record<string, unknown>): Profile => ({
  name: 'worker',
  chain: ['worker'],
  boot: { kind: 'local-disk' },
  cloudConfig,
});

/** The document of the machine with these variables. */
function render(profile: Profile, variables: Variables): string {
  return renderCloudConfig(describeNode(profile, variables), profile);
}

/** Reads YAML documents with PyYAML, a YAML 1.1 parser: their values. */
function readWithPython(documents: readonly string[]): unknown[] {
  const program =
    'import json,sys,yaml; print(json.dumps([yaml.safe_load(d) for d in json.load(sys.stdin)]))';
  const { stdout, stderr } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify(documents),
    encoding: 'utf8',
    env: { ...process.env, PYTHONUTF8: '1' },
  });
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout) as unknown[];
}

/** A content as coreos-cloudinit writes it to disk. */
function decoded(document: unknown): string | undefined {
  const [file] = (document as { write_files: { content: string; encoding?: string }[] }).write_files;
  return file?.encoding === 'base64' ? Buffer.from(file.content, 'base64').toString() : file?.content;
}

test('the first line is #cloud-config and the rest is the filled document', (t) => {
  const document = render(
    profile({
      hostname: '{{ machine.hostname }}',
      ssh_authorized_keys: ['ssh-ed25519 AAAA admin'],
      write_files: [{ path: '/etc/rack', permissions: '0644', content: 'rack {{ machine.labels.rack }}\n' }],
      coreos: {
        units: [{ name: 'a.service', command: 'start', content: '[Service]\nExecStart=/bin/true\n' }],
      },
    }),
    VARIABLES,
  );
  t.is(
    document,
    `#cloud-config
hostname: worker-01
ssh_authorized_keys:
  - ssh-ed25519 AAAA admin
write_files:
  - path: /etc/rack
    permissions: '0644'
    content: |
      rack r1
coreos:
  units:
    - name: a.service
      command: start
      content: |
        [Service]
        ExecStart=/bin/true
`,
  );
});

test('a profile without a document gives one that does nothing', (t) => {
  t.is(render({ name: 'disk', chain: ['disk'], boot: { kind: 'local-disk' } }, VARIABLES), '#cloud-config\n');
});

const CONTENTS: readonly [what: string, content: string, encoding: string | undefined][] = [
  ['plain text', 'one\ntwo: three # four\n', undefined],
  ['an empty file', '', undefined],
  ['a variable of the shell', 'echo "$private_ipv4"\n', 'base64'],
  ['any other dollar', 'echo $HOME\n', 'base64'],
  ['letters beyond ASCII', 'Zürich\n', 'base64'],
  ['a tab', 'a\tb\n', 'base64'],
  ['a carriage return', 'a\r\nb\r\n', 'base64'],
  ['a space at the end of a line', 'a \nb\n', 'base64'],
  ['a space at the very end', 'a\nb ', 'base64'],
  ['a space at the start', ' a\n', 'base64'],
  ['an empty first line', '\na\n', 'base64'],
];

for (const [what, content, encoding] of CONTENTS) {
  test(`a file with ${what} is sent ${encoding ? 'as base64' : 'as it is'}`, (t) => {
    const document = load(render(profile({ write_files: [{ path: '/a', content }] }), VARIABLES));
    t.deepEqual((document as { write_files: unknown[] }).write_files, [
      encoding
        ? { path: '/a', content: Buffer.from(content).toString('base64'), encoding }
        : { path: '/a', content },
    ]);
  });
}

test('a content that its author encoded arrives as what it stands for', (t) => {
  const packed = gzipSync('a $dollar\n').toString('base64');
  const files = [
    { path: '/a', encoding: 'gz+base64', content: packed },
    { path: '/b', encoding: 'b64', content: 'cGxhaW4K' },
  ];
  t.deepEqual(load(render(profile({ write_files: files }), VARIABLES)), {
    write_files: [
      { path: '/a', encoding: 'base64', content: Buffer.from('a $dollar\n').toString('base64') },
      { path: '/b', content: 'plain\n' },
    ],
  });
});

test('a content that is not what its encoding says is refused by its path', (t) => {
  const files = [{ path: '/a', encoding: 'gzip', content: 'plain' }];
  t.throws(() => render(profile({ write_files: files }), VARIABLES), {
    instanceOf: PlaceholderError,
    message: /^write_files, \/a: the content is not gzip/,
  });
});

test('file modes are quoted, since YAML would read them as numbers', (t) => {
  const files = [
    { path: '/a', permissions: 600 },
    { path: '/b', permissions: '0755' },
  ];
  const document = render(profile({ write_files: files }), VARIABLES);
  t.regex(document, /permissions: '0600'/);
  t.regex(document, /permissions: '0755'/);
});

test('a missing variable is an error that names profile and path', (t) => {
  const files = [{ path: '/a', content: '{{ machine.rack }}' }];
  const error = t.throws(() => render(profile({ write_files: files }), VARIABLES), {
    instanceOf: PlaceholderError,
  });
  t.true(
    error?.message.startsWith(
      'profile worker, cloud_config.write_files[0].content: machine.rack is not defined',
    ),
  );
});

test('a value that coreos-cloudinit would replace is refused where base64 can not protect it', (t) => {
  const renderHostile = () =>
    render(profile({ hostname: '{{ machine.labels.x }}' }), withMachine({ labels: { x: 'a$private_ipv4' } }));
  const error = t.throws(renderHostile, { instanceOf: PlaceholderError });
  t.is(
    error?.message,
    'profile worker, cloud_config.hostname: coreos-cloudinit replaces $private_ipv4 by nothing on a network boot',
  );
});

const service = (text: string) => `[Unit]\n${text}\n[Service]\nExecStart=/bin/true\n`;

const DEADLOCKS: readonly [what: string, units: Record<string, unknown>[], after: string | undefined][] = [
  [
    'after multi-user.target',
    [{ name: 'a.service', command: 'start', content: service('After=network.target multi-user.target') }],
    'multi-user.target',
  ],
  [
    'by a drop-in, after user-config.target',
    [
      {
        name: 'a.service',
        command: 'restart',
        drop_ins: [{ name: '10.conf', content: '[Unit]\nAfter=user-config.target\n' }],
      },
    ],
    'user-config.target',
  ],
  [
    'after a unit that it pulls in and that is after multi-user.target',
    [
      { name: 'a.service', command: 'start', content: service('Requires=b.service\nAfter=b.service') },
      { name: 'b.service', content: service('After=x.service \\\n  multi-user.target') },
    ],
    'multi-user.target',
  ],
  [
    'after multi-user.target, named behind a comment',
    [
      {
        name: 'a.service',
        command: 'start',
        content: service('After=x.service \\\n  # y \\\n ; z\nmulti-user.target'),
      },
    ],
    'multi-user.target',
  ],
  [
    'after multi-user.target, below a comment that ends like a line to be continued',
    [{ name: 'a.service', command: 'start', content: service('# x \\\nAfter=multi-user.target') }],
    'multi-user.target',
  ],
  [
    'after a unit that nothing pulls in',
    [
      { name: 'a.service', command: 'start', content: service('After=b.service') },
      { name: 'b.service', content: service('After=multi-user.target') },
    ],
    undefined,
  ],
  [
    'before multi-user.target',
    [{ name: 'a.service', command: 'start', content: service('Before=multi-user.target') }],
    undefined,
  ],
  [
    'after multi-user.target, but not by a command',
    [{ name: 'a.service', enable: true, content: service('After=multi-user.target') }],
    undefined,
  ],
  [
    'after each other',
    [
      { name: 'a.service', command: 'start', content: service('Wants=b.service\nAfter=b.service') },
      { name: 'b.service', content: service('Wants=a.service\nAfter=a.service') },
    ],
    undefined,
  ],
];

for (const [what, units, after] of DEADLOCKS) {
  test(`a unit that is started ${what} is ${after ? 'refused: it would never start' : 'no deadlock'}`, (t) => {
    const worker = profile({ coreos: { units } });
    if (after === undefined) {
      t.deepEqual(checkCloudConfig(worker), []);
      t.notThrows(() => render(worker, VARIABLES));
      return;
    }
    const message = `is started after ${after}, which comes only when coreos-cloudinit has ended, and that waits for the unit`;
    t.deepEqual(checkCloudConfig(worker), [{ path: ['cloud_config', 'coreos', 'units', 0], message }]);
    t.throws(() => render(worker, VARIABLES), { message: `profile worker, a.service: ${message}` });
  });
}

test('a variable of coreos-cloudinit is refused in a unit at load, and not in a file', (t) => {
  const worker = profile({
    write_files: [{ path: '/a', content: '$private_ipv4' }],
    coreos: { units: [{ name: 'a.service', content: '[Service]\nExecStart=/bin/echo $public_ipv6\n' }] },
  });
  t.deepEqual(checkCloudConfig(worker), [
    {
      path: ['cloud_config', 'coreos', 'units', 0, 'content'],
      message: 'coreos-cloudinit replaces $public_ipv6 by nothing on a network boot',
      expected: '{{ machine.address }}',
    },
  ]);
});

test('sections of coreos are passed on as they are', (t) => {
  const coreos = { update: { reboot_strategy: 'off' }, flannel: { interface: '{{ machine.address }}' } };
  t.deepEqual(load(render(profile({ coreos, manage_etc_hosts: 'localhost' }), VARIABLES)), {
    manage_etc_hosts: 'localhost',
    coreos: { update: { reboot_strategy: 'off' }, flannel: { interface: '192.168.0.7' } },
  });
});

const HOSTILE = [
  'a\nb: c',
  'a: b',
  '# comment',
  'a #b',
  '"quoted"',
  "it's",
  '{{ machine.mac }}',
  '{% include "x" %}',
  '[a, b]',
  '- a',
  '? a',
  '&anchor',
  '*alias',
  '!!binary x',
  '%TAG',
  '---',
  '...',
  '',
  ' ',
  '\n',
  'yes',
  'null',
  '~',
  '0644',
  '1:30',
  '2001-01-01',
  '1e3',
  '<<',
  '=',
  '#cloud-config',
  'a\u0000b',
  '\u0085\u2028\ufeff\u{1f600}',
  'tab\there',
  '\\n',
  '>-\n  folded',
  '|\n  literal',
];

/** A document that holds `text` wherever a value can stand, and what must be read from it. */
function documentOf(text: string): string {
  const document = {
    hostname: '{{ machine.hostname }}',
    write_files: [{ path: '/a', content: '{{ machine.labels.x }}' }],
    coreos: { units: [{ name: 'a.service', content: 'before\n{{ machine.labels.x }}\nafter' }] },
  };
  return render(profile(document), withMachine({ hostname: text, labels: { x: text } }));
}

function assertHolds(
  t: { deepEqual(actual: unknown, expected: unknown): unknown },
  read: unknown,
  text: string,
): void {
  const { hostname, coreos, ...rest } = read as Record<string, unknown>;
  t.deepEqual(
    { hostname, coreos, content: decoded(rest), keys: Object.keys(rest) },
    {
      hostname: text,
      coreos: { units: [{ name: 'a.service', content: `before\n${text}\nafter` }] },
      content: text,
      keys: ['write_files'],
    },
  );
}

test('no value of a machine breaks its document', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.constantFrom(...HOSTILE),
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'grapheme', maxLength: 200 }),
      ),
      (text) => {
        const rendered = documentOf(text);
        t.is(rendered.split('\n')[0], '#cloud-config');
        assertHolds(t, load(rendered), text);
      },
    ),
    { numRuns: 1000, examples: HOSTILE.map((text): [string] => [text]) },
  );
});

test('another YAML parser (PyYAML, YAML 1.1) reads the same values', (t) => {
  const texts = [...HOSTILE, ...fc.sample(fc.string({ unit: 'binary' }), { numRuns: 500, seed: 1 })];
  const read = readWithPython(texts.map(documentOf));
  for (const [index, text] of texts.entries()) assertHolds(t, read[index], text);
});
