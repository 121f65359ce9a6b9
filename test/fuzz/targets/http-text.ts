import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { isTokenText } from '../../../src/api-tokens/token.ts';
import { readBootFileName } from '../../../src/boot/boot-file-name.ts';
import { cleanText } from '../../../src/boot/ipxe-text.ts';
import { chooseIgnitionVersion } from '../../../src/http/accept.ts';
import { startPage } from '../../../src/http/admin/paging.ts';
import { parseAssetPath } from '../../../src/http/asset-path.ts';
import { selectBytes } from '../../../src/http/conditional.ts';
import { readInventory } from '../../../src/http/machine-values.ts';
import { hashToken, withoutTokens } from '../../../src/machines/boot-token.ts';
import { formatIpv4, parseCidr, parseIpv4, parseRange } from '../../../src/net/ipv4.ts';
import { macToBytes, macToHyphens, parseMac } from '../../../src/net/mac.ts';
import { IGNITION_VERSIONS } from '../../../src/provision/ignition-spec.ts';
import type { FuzzTarget } from '../target.ts';

const FILE = { etag: '"5-abc"', modified: new Date('2026-01-01T00:00:00Z') };
const SIZES = [0, 1, 1_000, 2 ** 40];
const TOKEN = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';

/** Reads a text of some kind, checks what comes out, and says what it was. */
type Reader = (text: string) => string;

/** The first byte of an input chooses the reader. */
const READERS: readonly Reader[] = [
  range,
  path,
  bootFile,
  address,
  hardwareAddress,
  token,
  scriptText,
  cursor,
  version,
];

const SEEDS: readonly (readonly [reader: Reader, text: string])[] = [
  [range, 'bytes=0-4'],
  [range, 'bytes=-5\n"5-abc"\nW/"5-abc", *'],
  [range, 'bytes=5-\nThu, 01 Jan 2026 00:00:00 GMT\n"x"\nThu, 01 Jan 2026 00:00:01 GMT'],
  [range, 'bytes=0-1,3-4,-1'],
  [path, 'flatcar/4593.2.5/vmlinuz'],
  [path, 'a%20b/%2e%2e/c'],
  [bootFile, 'pxelinux.cfg/01-52-54-00-00-00-01'],
  [bootFile, 'boot/grub/grub.cfg-01-52-54-00-00-00-01'],
  [bootFile, 'pxelinux.cfg/4c4c4544-0038-5a10-8051-cac04f4c4d31'],
  [bootFile, 'autoexec.ipxe'],
  [address, '192.168.0.254'],
  [address, '192.168.0.0/24'],
  [address, '192.168.0.1-192.168.0.100'],
  [hardwareAddress, '52-54-00-00-00-01'],
  [hardwareAddress, '5254.0000.0001'],
  [token, TOKEN],
  [token, `rs_${TOKEN}`],
  [token, `GET /cloud-config/52?token=${TOKEN} failed`],
  [scriptText, 'PowerEdge $' + '{net0/mac} && reboot ; #x'],
  [cursor, Buffer.from('["a",1]').toString('base64url')],
  [version, 'application/vnd.coreos.ignition+json;version=3.3.0, */*;q=0.1'],
];

/** Texts in requests: paths, names, headers. */
export const target: FuzzTarget = {
  name: 'http-text',
  about:
    'texts in HTTP requests: ranges, paths, addresses, tokens, cursors, what machines tell of themselves',
  seeds: () =>
    SEEDS.map(([reader, text]) => Buffer.concat([Buffer.of(READERS.indexOf(reader)), Buffer.from(text)])),
  tokens: () =>
    [
      'bytes=',
      '-',
      ',',
      '%2e',
      '%2f',
      '%25',
      '../',
      '\\',
      '\0',
      '01-',
      'grub.cfg-',
      '$' + '{',
      '&&',
      ';version=3.',
      '\n',
      '4294967296',
    ]
      .concat(['[', '"', '1e999', 'é', '\u202e'])
      .map((text) => Buffer.from(text)),
  maxLength: 4_096,
  limit: 100,
  run(bytes) {
    const text = Buffer.from(bytes.subarray(1)).toString();
    const reader = READERS[(bytes[0] ?? 0) % READERS.length] ?? path;
    return [`${reader.name} ${reader(text)}`];
  },
};

function range(text: string): string {
  const [ranges, ifRange, ifNoneMatch, ifModifiedSince] = text.split('\n');
  const headers = {
    range: ranges,
    'if-range': ifRange,
    'if-none-match': ifNoneMatch,
    'if-modified-since': ifModifiedSince,
  };
  const statuses = SIZES.map((size) => {
    const selected = selectBytes('GET', headers, { ...FILE, size });
    if (!('start' in selected)) return selected.status;
    const { status, start, end } = selected;
    assert.ok(Number.isInteger(start) && Number.isInteger(end), `bytes ${start} to ${end}`);
    assert.ok(start >= 0 && start <= end && end <= size, `bytes ${start} to ${end} of ${size}`);
    if (status === 206) assert.ok(start < end, 'a part has a byte');
    else assert.equal(end - start, size, 'the whole file');
    return status;
  });
  return statuses.join();
}

function path(text: string): string {
  const found = parseAssetPath(text);
  if (!found.ok) return String(found.status);
  assert.ok(resolve('/assets', found.path).startsWith('/assets/'), found.path);
  assert.equal(resolve('/assets', found.path), `/assets/${found.path}`, 'the path is plain');
  assert.ok(!found.path.includes('\0'), 'no NUL');
  return 'good';
}

function bootFile(text: string): string {
  const found = readBootFileName(text);
  if (found?.mac) assert.equal(parseMac(found.mac), found.mac);
  return found ? `${found.kind} ${found.mac !== undefined} ${found.uuid !== undefined}` : 'none';
}

function address(text: string): string {
  const single = parseIpv4(text);
  if (single !== undefined) assert.equal(formatIpv4(single), text);
  const cidr = parseCidr(text);
  if (cidr) assert.ok(cidr.subnet.network <= cidr.address && cidr.address <= cidr.subnet.broadcast);
  const run = parseRange(text);
  if (run) assert.ok(run.first <= run.last && run.first >= 0 && run.last < 2 ** 32);
  return `${single !== undefined} ${cidr !== undefined} ${run !== undefined}`;
}

function hardwareAddress(text: string): string {
  const mac = parseMac(text);
  if (!mac) return 'none';
  assert.match(mac, /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  assert.equal(macToBytes(mac).length, 6);
  assert.equal(parseMac(macToHyphens(mac)), mac);
  return 'good';
}

function token(text: string): string {
  const plain = withoutTokens(text);
  assert.doesNotMatch(plain, /[\w-]{43}/, 'a token is left');
  const hash = hashToken(text);
  if (hash !== undefined) assert.match(hash, /^[0-9a-f]{64}$/);
  return `${hash !== undefined} ${isTokenText(text)} ${plain !== text}`;
}

/** What machines tell of themselves, in an iPXE script. */
function scriptText(text: string): string {
  const { serial = '' } = readInventory({ serial: text, uuid: [text] });
  assert.doesNotMatch(serial, /\p{Cc}/u);
  const shown = cleanText(text);
  assert.match(shown, /^[\x20-\x7e]{1,80}$/);
  assert.ok(!shown.includes('$'), 'iPXE expands nothing');
  for (const word of shown.split(' ')) assert.doesNotMatch(word, /^(?:#.*|&&|\|\||;|)$/);
  return shown === '-' ? 'nothing left' : 'shown';
}

function cursor(text: string): string {
  const pager = startPage((item: string) => [item, 1], { limit: 2, cursor: text });
  for (const item of ['a', 'b', 'c']) pager?.add(item);
  const page = pager?.page();
  if (page) assert.ok(page.items.length <= 2 && page.total === 3);
  return String(page?.items.length);
}

function version(text: string): string {
  const chosen = chooseIgnitionVersion(text);
  assert.ok(chosen === undefined || IGNITION_VERSIONS.includes(chosen));
  return String(chosen);
}
