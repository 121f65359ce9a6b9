import assert from 'node:assert/strict';
import { escapeBytes, normaliseName } from '../../../src/tftp/name.ts';
import { toNetascii } from '../../../src/tftp/netascii.ts';
import { MAX_WINDOWSIZE, negotiate } from '../../../src/tftp/options.ts';
import {
  encodeError,
  encodeOack,
  Opcode,
  parsePacket,
  type RequestPacket,
} from '../../../src/tftp/packet.ts';
import { badName, notFound, refusalOf } from '../../../src/tftp/refusal.ts';
import { ack, error, request, rrq } from '../../support/tftp.ts';
import type { FuzzTarget } from '../target.ts';

const MAX_BLKSIZE = 1_468;
/** Longest packet that answers a request: an ERROR of 200 characters, or an OACK of four numbers. */
const MAX_ANSWER = 260;

/** The TFTP codec, the terms of a transfer and the names of files. */
export const target: FuzzTarget = {
  name: 'tftp-packet',
  about: 'one TFTP datagram: its options, its file name, netascii',
  seeds: () => [
    rrq('snponly.efi'),
    rrq('pxelinux.cfg/01-52-54-00-00-00-01', 'octet', 'tsize', '0', 'blksize', '1468', 'windowsize', '4'),
    rrq('/a//./b\\c%2e%2e', 'NetASCII', 'BLKSIZE', '65464', 'timeout', '3', 'blksize', '9'),
    rrq('undionly.kpxe\xff', 'octet', 'tsize', '99999999999999999999'),
    request(2, 'x', 'mail'),
    ack(65_535),
    error(8, 'no options, please'),
    Buffer.of(0, 3, 0, 1, 0x0a, 0x0d),
    Buffer.of(0, 6),
  ],
  tokens: () =>
    [
      '\0',
      'octet\0',
      'netascii\0',
      'blksize\0',
      '1468\0',
      'windowsize\0',
      'tsize\0',
      'timeout\0',
      '../',
      '%2e',
      '%25',
    ]
      .concat(['\\', '\r\n', '\xff', '8\0', '255\0'])
      .map((text) => Buffer.from(text, 'latin1')),
  maxLength: 2_048,
  limit: 100,
  run(bytes) {
    checkNetascii(bytes);
    checkName(bytes);
    const packet = parsePacket(bytes);
    if (!packet) return ['malformed'];
    if (packet.opcode === Opcode.RRQ || packet.opcode === Opcode.WRQ) return checkRequest(packet);
    if (packet.opcode === Opcode.ERROR) assert.match(escapeBytes(packet.message), /^[\x20-\x7e]*$/);
    return [`opcode ${packet.opcode}`];
  },
};

function checkRequest(packet: RequestPacket): string[] {
  const named = normaliseName(packet.filename);
  const asked = escapeBytes(packet.filename);
  const refusal =
    refusalOf(packet) ?? ('refusal' in named ? badName(named.refusal) : notFound(named.name, asked));
  const words = [`refusal ${refusal.reason}`];
  const answer = encodeError(refusal.code, refusal.message);
  assert.ok(answer.length <= MAX_ANSWER && answer.at(-1) === 0, 'the ERROR');
  assert.match(refusal.detail ?? refusal.message, /^[\x20-\x7e]*$/);
  for (const windows of [true, false]) {
    const terms = negotiate(packet.options, { size: 100_000, maxBlksize: MAX_BLKSIZE, windows });
    const { blksize, windowsize, timeout, accepted } = terms;
    assert.ok(blksize >= 8 && blksize <= MAX_BLKSIZE, `blksize ${blksize}`);
    assert.ok(windowsize >= 1 && windowsize <= (windows ? MAX_WINDOWSIZE : 1), `windowsize ${windowsize}`);
    assert.ok(timeout === undefined || (timeout >= 1 && timeout <= 255), `timeout ${timeout}`);
    const names = accepted.map(([name]) => name.toLowerCase());
    assert.equal(new Set(names).size, names.length, 'each option is accepted once');
    assert.ok(encodeOack(accepted).length <= MAX_ANSWER, 'the OACK');
    words.push(`accepted ${names.sort().join()}`);
  }
  return words;
}

function checkName(bytes: Uint8Array): void {
  const named = normaliseName(bytes);
  if ('refusal' in named) return;
  assert.match(named.name, /^[\x20-\x5b\x5d-\x7e]+$/);
  for (const segment of decodeURIComponentSafely(named.name).split(/[/\\]/)) assert.notEqual(segment, '..');
  for (const segment of named.name.split('/')) assert.ok(!['', '.', '..'].includes(segment), segment);
  assert.deepEqual(normaliseName(Buffer.from(named.name)), named, 'a good name stays as it is');
}

/** As somebody who looks the name up might decode it. */
function decodeURIComponentSafely(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Read by RFC 764's rules, the text has the file's bytes again. */
function checkNetascii(bytes: Uint8Array): void {
  const text = Buffer.from(toNetascii(bytes)).toString('latin1');
  assert.doesNotMatch(text, /\r[^\n\0]|\r$|(?<!\r)\n/);
  assert.equal(
    text.replace(/\r([\n\0])/g, (_, after) => (after === '\n' ? '\n' : '\r')),
    Buffer.from(bytes).toString('latin1'),
  );
}
