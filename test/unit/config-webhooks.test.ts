import test from 'ava';
import { good, problems, RACKSEED } from '../support/config.ts';

const read = (webhooks: string) => good({ 'rackseed.yaml': `${RACKSEED}webhooks:\n${webhooks}` }).webhooks;
const refused = (webhooks: string) => problems({ 'rackseed.yaml': `${RACKSEED}webhooks:\n${webhooks}` });

test('a webhook needs a URL only, and is told of waiting, stuck and ready machines then', (t) => {
  t.deepEqual(read('  - url: https://hooks.example.com/rackseed?to=ops\n'), [
    { url: 'https://hooks.example.com/rackseed?to=ops', events: ['discovered', 'stuck', 'ready'] },
  ]);
});

test('a webhook names its key file, relative to the configuration, and its events', (t) => {
  t.deepEqual(
    read('  - { url: "http://192.168.0.9:8080", secret_file: hook.secret, events: [refused, retired] }\n'),
    [
      {
        url: 'http://192.168.0.9:8080',
        secretFile: '/etc/rackseed/hook.secret',
        events: ['refused', 'retired'],
      },
    ],
  );
});

const WRONG: readonly [what: string, webhooks: string, complaint: RegExp][] = [
  [
    'is no web address',
    '  - url: ftp://example.com\n',
    /webhooks\[0\]\.url: "ftp:.*is not a web address that begins/,
  ],
  [
    'holds a password',
    '  - url: https://me:hunter2@example.com\n',
    /webhooks\[0\]\.url: has a user name or a password in it \(expected a URL without, and a secret_file\)/,
  ],
  [
    'is given twice',
    '  - url: http://a.example\n  - url: http://b.example\n  - url: http://a.example\n',
    /rackseed\.yaml:12: webhooks\[2\]\.url: is the URL of webhooks\[0\] too/,
  ],
  [
    'has a key file that is not there',
    '  - url: http://a.example\n    secret_file: /missing\n',
    /rackseed\.yaml:11: webhooks\[0\]\.secret_file: \/missing can't be read or is empty/,
  ],
  [
    'is to be told of an unknown event',
    '  - { url: "http://a.example", events: [booted] }\n',
    /webhooks\[0\]\.events\[0\]: "booted" is not allowed \(expected one of discovered, stuck,/,
  ],
  [
    'is to be told of nothing',
    '  - { url: "http://a.example", events: [] }\n',
    /webhooks\[0\]\.events: is an empty list/,
  ],
];

for (const [what, webhooks, complaint] of WRONG) {
  test(`a webhook that ${what} is refused, and nothing secret is repeated`, (t) => {
    const found = refused(webhooks);
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0] ?? '', complaint);
    t.notRegex(found[0] ?? '', /hunter2/);
  });
}

test('syslog is received unless a network says otherwise', (t) => {
  const network = (lines: string) =>
    good({ 'rackseed.yaml': RACKSEED.replace('    dhcp:', `${lines}    dhcp:`) }).networks[0]?.syslog;
  t.deepEqual(network(''), { enabled: true });
  t.deepEqual(network('    syslog: {}\n'), { enabled: true });
  t.deepEqual(network('    syslog: { enabled: false }\n'), { enabled: false });
});
