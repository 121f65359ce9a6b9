import test from 'ava';
import fc from 'fast-check';
import { MAX_TEXT } from '../../src/syslog/clean.ts';
import {
  describeMessage,
  FACILITIES,
  parseSyslog,
  SEVERITIES,
  type SyslogMessage,
} from '../../src/syslog/message.ts';
import { fastest } from '../support/fastest.ts';

const parse = (text: string) => parseSyslog(Buffer.from(text));

const FORMS: readonly [what: string, datagram: string, message: SyslogMessage][] = [
  [
    'iPXE that has a name',
    '<6>worker-01.kubernetes.local ipxe: http://192.168.0.254/boot.ipxe... ok',
    { facility: 'kern', severity: 'info', app: 'ipxe', text: 'http://192.168.0.254/boot.ipxe... ok' },
  ],
  [
    'iPXE without a name',
    '<6>ipxe: net0: 52:54:00:12:34:56 using virtio-net on 0000:00:03.0',
    {
      facility: 'kern',
      severity: 'info',
      app: 'ipxe',
      text: 'net0: 52:54:00:12:34:56 using virtio-net on 0000:00:03.0',
    },
  ],
  [
    'busybox',
    '<13>Oct 11 22:14:15 root: hello there',
    { facility: 'user', severity: 'notice', app: 'root', text: 'hello there' },
  ],
  [
    'busybox with a host name',
    '<28>Oct  1 02:14:15 worker-01 udhcpc[812]: no lease',
    { facility: 'daemon', severity: 'warning', app: 'udhcpc', text: 'no lease' },
  ],
  [
    'the kernel by way of busybox',
    '<3>Jan  1 00:00:02 kernel: [    2.1] EXT4-fs error (device vda): bad block',
    {
      facility: 'kern',
      severity: 'error',
      app: 'kernel',
      text: '[    2.1] EXT4-fs error (device vda): bad block',
    },
  ],
  [
    "rsyslog with RFC 3339's time",
    '<30>2026-07-01T10:00:00.123456+02:00 worker-01 kubelet[1]: Started kubelet',
    { facility: 'daemon', severity: 'info', app: 'kubelet', text: 'Started kubelet' },
  ],
  [
    'BSD syslog with a year and no tag',
    '<165>Aug 24 1987 05:34:00 mymachine is going down',
    { facility: 'local4', severity: 'notice', text: 'mymachine is going down' },
  ],
  [
    'a kernel message with a priority only, of which nothing is taken for a host name',
    '<6>usb 1-1: new high-speed USB device',
    { facility: 'kern', severity: 'info', text: 'usb 1-1: new high-speed USB device' },
  ],
  [
    'netconsole',
    '[    1.5] random: crng init done\n',
    { facility: 'user', severity: 'notice', text: '[    1.5] random: crng init done' },
  ],
  [
    "netconsole's extended form",
    '4,416,1758426,-,ncfrag=0/33;virtio_net: link up\n SUBSYSTEM=net\n',
    { facility: 'kern', severity: 'warning', app: 'kernel', text: 'virtio_net: link up' },
  ],
  [
    "netconsole's extended form with the kernel's release",
    '6.6.0-flatcar,6,416,1758426,-;virtio_net: link up',
    { facility: 'kern', severity: 'info', app: 'kernel', text: 'virtio_net: link up' },
  ],
  [
    'RFC 5424 without structured data',
    '<34>1 2026-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeffsu: root on /dev/pts/8 – failed',
    { facility: 'auth', severity: 'critical', app: 'su', text: 'su: root on /dev/pts/8 – failed' },
  ],
  [
    'RFC 5424 with structured data that holds brackets and quotes',
    '<165>1 2026-10-11T22:14:15Z host app 812 - [a@1 k="x \\"]\\] y"][b@2] Entry',
    { facility: 'local4', severity: 'notice', app: 'app', text: 'Entry' },
  ],
  [
    'RFC 5424 that says nothing about itself',
    '<14>1 - - - - - - hello',
    { facility: 'user', severity: 'info', text: 'hello' },
  ],
  [
    'RFC 5424 without a message',
    '<14>1 - - app - - -',
    { facility: 'user', severity: 'info', app: 'app', text: '' },
  ],
  [
    'structured data without an end, which is text then',
    '<14>1 - - app - - [a k="v',
    { facility: 'user', severity: 'info', text: '1 - - app - - [a k="v' },
  ],
  ['no priority at all', 'just text', { facility: 'user', severity: 'notice', text: 'just text' }],
  ['a priority beyond the last', '<192>hello', { facility: 'user', severity: 'notice', text: '<192>hello' }],
  ['a priority and nothing else', '<0>', { facility: 'kern', severity: 'emergency', text: '' }],
  ['nothing', '', { facility: 'user', severity: 'notice', text: '' }],
];

for (const [what, datagram, expected] of FORMS) {
  test(`a message is read as it is sent by ${what}`, (t) => {
    t.deepEqual(parse(datagram), expected);
  });
}

const CLEANED: readonly [what: string, text: string, cleaned: string][] = [
  ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
  ['a window title', 'a\u001b]0;owned\u0007b\u001b]0;owned\u001b\\c', 'abc'],
  ['what makes a terminal answer', 'a\u001b[6nb\u001bP$q"p\u001b\\c\u001bcd', 'abcd'],
  ['escapes of one character', 'a\u009b2Jb\u009dtitle\u009cc', 'abc'],
  ['an escape that is cut off', 'a\u001b[1;3', 'a'],
  ['line ends and tabs', 'a\r\n\tb\u0000\u0000c\u2028d\n', 'a b c d'],
  ['turned writing directions', 'a\u202eb\u2066c', 'a b c'],
  ['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0x62]).toString('utf8'), 'a\ufffdb'],
];

for (const [what, text, cleaned] of CLEANED) {
  test(`of a message ${what} can do no harm`, (t) => {
    t.is(parse(`<6>${text}`).text, cleaned);
  });
}

const SECRETS: readonly [what: string, text: string, shown: string][] = [
  [
    'the token of a document on the kernel command line',
    'Command line: cloud-config-url=http://192.168.0.254/cloud-config/52-54-00-12-34-56?token=c2VjcmV0 quiet',
    'Command line: cloud-config-url=http://192.168.0.254/cloud-config/52-54-00-12-34-56?token=*** quiet',
  ],
  [
    'a token behind another parameter',
    'GET /cloud?mac=52-54-00-12-34-56&token=c2VjcmV0&x=1',
    'GET /cloud?mac=52-54-00-12-34-56&token=***&x=1',
  ],
  [
    "the token in NoCloud's path",
    'ds=nocloud;s=http://192.168.0.254/nocloud/52-54-00-12-34-56/c2VjcmV0c2VjcmV0c2VjcmV0/ ro',
    'ds=nocloud;s=http://192.168.0.254/nocloud/52-54-00-12-34-56/***/ ro',
  ],
  ['a bootstrap token', 'using token abcdef.0123456789abcdef', 'using token abcdef.***'],
  ['a bearer token', 'Authorization: Bearer rs_c2VjcmV0.x==', 'Authorization: Bearer ***'],
];

for (const [what, text, shown] of SECRETS) {
  test(`of a message ${what} is left out`, (t) => {
    t.is(parse(`<6>kernel: ${text}`).text, shown);
  });
}

test('a long message is cut between two characters, and says so', (t) => {
  t.is(parse(`<6>${'x'.repeat(MAX_TEXT)}`).text, 'x'.repeat(MAX_TEXT));
  for (const [lead, filler] of ['', 'x', 'xx', 'xxx'].map((lead) => [lead, '😀'.repeat(400)])) {
    const { text } = parse(`<6>${lead}${filler}`);
    t.true(Buffer.byteLength(text) <= MAX_TEXT);
    t.true(Buffer.byteLength(text) > MAX_TEXT - 4);
    t.regex(text, /^x{0,3}(?:😀)+…$/u);
  }
});

test('a message is told with its program, and with its severity from warning on', (t) => {
  t.is(describeMessage(parse('<6>ipxe: hello')), 'ipxe: hello');
  t.is(describeMessage(parse('<3>kernel: bad')), 'kernel [error]: bad');
  t.is(describeMessage(parse('<4>bad')), '[warning]: bad');
  t.is(describeMessage(parse('<5>well')), 'well');
});

test('whatever bytes come, what is kept is short, printable and of a known severity', (t) => {
  const check = (bytes: Uint8Array) => {
    const { facility, severity, app = '', text } = parseSyslog(bytes);
    t.true(FACILITIES.includes(facility) && SEVERITIES.includes(severity));
    t.true(app.length <= 64 && Buffer.byteLength(text) <= MAX_TEXT);
    t.notRegex(app + text, /[\p{C}\p{Zl}\p{Zp}]/u);
  };
  const start = fc.constantFrom(
    '<13>',
    '<34>1 - - a - - [x ',
    '<6>Oct 11 22:14:15 ',
    '6,1,2,-;',
    '\u001b[',
    '\u001b]',
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), check));
  fc.assert(
    fc.property(start, fc.string({ unit: 'binary', maxLength: 500 }), (before, after) =>
      check(Buffer.from(before + after)),
    ),
  );
});

test('what RFC 5424 can say about a message is read and not shown', (t) => {
  const word = fc.stringMatching(/^[!-~]{1,20}$/);
  const value = fc.string({ maxLength: 30 }).map((text) => text.replace(/["\\\]]/g, '\\$&'));
  const element = fc.tuple(fc.stringMatching(/^[a-z]{1,8}@[0-9]{1,4}$/), fc.array(value, { maxLength: 3 }));
  fc.assert(
    fc.property(word, word, fc.array(element, { minLength: 1, maxLength: 3 }), (host, app, elements) => {
      const data = elements.map(([id, values]) => `[${[id, ...values.map((v) => `k="${v}"`)].join(' ')}]`);
      const read = parse(`<30>1 2026-10-11T22:14:15Z ${host} ${app} 1 - ${data.join('')} the text`);
      t.is(read.text, 'the text');
    }),
  );
});

test('a datagram of the greatest length is read in no time, however it is made', (t) => {
  for (const piece of [
    '\u001b[0',
    '\u001b]x',
    '<13>',
    '[a k="',
    'a b ',
    '?token=',
    '\u009b',
    ' ',
    'aaaaaa.',
  ]) {
    const longest = piece.repeat(65_507 / piece.length);
    t.true(fastest(() => parse(longest)) < 100, JSON.stringify(piece));
  }
});
