import assert from 'node:assert/strict';
import { MAX_TEXT } from '../../../src/syslog/clean.ts';
import { describeMessage, FACILITIES, parseSyslog, SEVERITIES } from '../../../src/syslog/message.ts';
import type { FuzzTarget } from '../target.ts';

const SEEDS = [
  '<6>worker-01.kubernetes.local ipxe: http://192.168.0.254/boot.ipxe... ok',
  '<13>Oct 11 22:14:15 root: hello there',
  '<28>Oct  1 02:14:15 worker-01 udhcpc[812]: no lease',
  '<30>2026-07-01T10:00:00.123456+02:00 worker-01 kubelet[1]: Started kubelet',
  '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" x="\\]"] \ufeffapp',
  '<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - failed',
  '6,416,1758426,-;[    2.1] EXT4-fs error\n SUBSYSTEM=scsi\n DEVICE=+scsi:0:0:0:0\n',
  '5.15.0,4,3,2,c,ncfrag=0/99;part',
  '<6>\u001b[1;31mred\u001b[0m\u001b]0;title\u0007 text',
  '<6>kernel: coreos.config.url=http://192.168.0.254/ignition?token=abcdefghijklmnopqrstuvwxyz',
  'Authorization: Bearer eyJhbGciOi.J9 abcdef.0123456789abcdef',
  '/nocloud/52-54-00-00-00-01/abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG/user-data',
];

/** What must not be in a text that people see: control characters, ends of lines, what turns the direction of writing. */
const UNCLEAN = /[\p{C}\p{Zl}\p{Zp}]/u;
/** Keys in a text that was cleaned. */
const SECRETS = [
  /[?&](?:token|access_token)=(?!\*\*\*)[^\s&"'#]/i,
  /\bBearer\s+(?!\*\*\*)[\w.~+/-]/i,
  /\b[a-z0-9]{6}\.[a-z0-9]{16}\b/,
];

/** What machines log. */
export const target: FuzzTarget = {
  name: 'syslog',
  about: 'one datagram to the syslog port',
  seeds: () => SEEDS.map((text) => Buffer.from(text)),
  tokens: () =>
    [
      '<13>',
      '<191>1 ',
      '[a="',
      '\\"',
      '"]',
      '\u001b[',
      '\u001b]',
      '\u009b',
      '\u202e',
      '\u2028',
      '?token=',
      '&access_token=',
      'Bearer ',
      'abcdef.0123456789abcdef',
      '…',
      ': ',
    ].map((text) => Buffer.from(text)),
  maxLength: 9_000,
  limit: 100,
  run(bytes) {
    const message = parseSyslog(bytes);
    const { facility, severity, app, text } = message;
    assert.ok(FACILITIES.includes(facility) && SEVERITIES.includes(severity));
    assert.ok(Buffer.byteLength(text) <= MAX_TEXT, 'the text is too long');
    assert.ok(app === undefined || (app !== '' && app.length <= 64), 'the name is too long');
    assert.ok(!UNCLEAN.test(describeMessage(message)), 'what is shown has control characters');
    for (const shown of [text, app ?? '']) {
      for (const secret of SECRETS) assert.ok(!secret.test(shown), `what is shown has a key: ${secret}`);
    }
    return [severity, `app ${app !== undefined}`, `text ${text !== ''}`, `cut ${text.endsWith('…')}`];
  },
};
