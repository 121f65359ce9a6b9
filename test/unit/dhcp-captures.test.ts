// What every client that was recorded is taken for, and what it's answered. test/fixtures/dhcp/replies.txt holds all of it, to
// be read; after a change that is meant:
//
//     UPDATE_GOLDEN=1 npx ava test/unit/dhcp-captures.test.ts && git diff test/fixtures/dhcp/replies.txt

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import type { CaptureContext } from '../../src/capture/context.ts';
import type { UdpDatagram } from '../../src/capture/frame.ts';
import { createCaptureContext } from '../../src/cli/capture-answers.ts';
import { describeClient } from '../../src/dhcp/client.ts';
import { OPTION } from '../../src/dhcp/options.ts';
import { type DhcpPacket, MESSAGE, messageType } from '../../src/dhcp/packet.ts';
import { identify } from '../../src/machines/identity.ts';
import { formatIpv4, ipv4FromBytes, LIMITED_BROADCAST, UNSPECIFIED } from '../../src/net/ipv4.ts';
import { good, RACKSEED } from '../support/config.ts';
import { decoded, ip, SERVER } from '../support/dhcp.ts';
import { recorded, withoutFeature } from '../support/recorded.ts';

const FIXTURES = new URL('../fixtures/dhcp/', import.meta.url);
const TABLE = new URL('replies.txt', FIXTURES);

/** The rows of docs/booting.md for a Raspberry Pi, and for processors that no row of the table is for. */
const RASPBERRY_PI = `
firmware:
  loaders:
    - firmware: Raspberry Pi 4
      match: { arch: [0, 41], mac_prefix: ["dc:a6:32"] }
      reply: raspberry-pi
      files: [start4.elf]
    - firmware: UEFI riscv64
      match: { arch: [27] }
      files: [riscv64/snponly.efi]
`;

/** Answers as a service in a mode does, with every loader at hand. */
function answering(mode: 'authoritative' | 'proxy', more = ''): CaptureContext {
  const config = good({
    'rackseed.yaml': `${RACKSEED.replace('authoritative', mode)}unknown_machines: boot\n${more}`,
  });
  const [network] = config.networks;
  if (!network) throw new Error('the configuration has no network');
  return createCaptureContext({
    config,
    network,
    identify: (mac) => identify(config, mac),
    firmware: { has: () => true },
  });
}

const AUTHORITATIVE = answering('authoritative');
const PROXY = answering('proxy');

interface Case {
  readonly title: string;
  readonly packet: DhcpPacket;
  readonly contexts: readonly (readonly [mode: string, context: CaptureContext])[];
}

const BOTH = [
  ['authoritative', AUTHORITATIVE],
  ['proxy', PROXY],
] as const;
const CONFIGURED = [
  ['authoritative', answering('authoritative', RASPBERRY_PI)],
  ['proxy', answering('proxy', RASPBERRY_PI)],
] as const;

/** The first packet of a kind that a client sent. */
function sent(name: string, type: number): DhcpPacket | undefined {
  return recorded(name)
    .map(decoded)
    .find((packet) => messageType(packet) === type);
}

const names = readdirSync(FIXTURES)
  .filter((file) => file.endsWith('.hex'))
  .map((file) => file.replace('.hex', ''))
  .sort();
const cases: Case[] = names.flatMap((name) => {
  const packet = sent(name, MESSAGE.discover);
  return packet ? [{ title: name, packet, contexts: BOTH }] : [];
});
for (const name of ['forged-raspberry-pi-4', 'forged-uefi-riscv64']) {
  const packet = sent(name, MESSAGE.discover);
  if (packet) cases.push({ title: `${name} with a row for it`, packet, contexts: CONFIGURED });
}
const [rom] = recorded('ipxe-rom-bios');
for (const [what, tag] of [
  ['HTTP', 0x13],
  ['bzImage', 0x18],
] as const) {
  const title = `derived: ipxe-rom-bios without ${what}`;
  if (rom) cases.push({ title, packet: decoded(withoutFeature(rom, tag)), contexts: BOTH });
}

const BROADCAST: UdpDatagram = {
  vlans: [],
  payload: Buffer.alloc(0),
  missing: 0,
  source: UNSPECIFIED,
  sourcePort: 68,
  destination: LIMITED_BROADCAST,
  destinationPort: 67,
};
const TO_BOOT_SERVER = {
  ...BROADCAST,
  source: ip('192.168.0.79'),
  destination: SERVER,
  destinationPort: 4011,
};

/** Options that decide whether and what firmware boots. */
const SHOWN = [
  OPTION.vendorSpecific,
  OPTION.serverIdentifier,
  OPTION.vendorClass,
  OPTION.tftpServerName,
  OPTION.bootFileName,
  OPTION.clientArchitecture,
  OPTION.clientUuid,
  OPTION.ipxeEncapsulated,
];

function showOption(code: number, value: Uint8Array, request: DhcpPacket): string {
  const bytes = Buffer.from(value);
  if (code === OPTION.clientUuid)
    return request.options.get(code)?.join() === value.join() ? 'as sent' : 'OTHER';
  if (code === OPTION.serverIdentifier) return formatIpv4(ipv4FromBytes(bytes));
  if (code === OPTION.vendorSpecific || code === OPTION.ipxeEncapsulated) {
    const hex = bytes.toString('hex').match(/../g)?.join(' ') ?? '';
    return bytes.includes('Raspberry Pi Boot') ? 'the menu "Raspberry Pi Boot"' : hex;
  }
  return `"${bytes.toString('latin1').replaceAll('\0', '\\0')}"`;
}

/** A reply in words: `OFFER yiaddr from the pool, siaddr …, file …, 54 …`. */
function show(reply: DhcpPacket | undefined, notes: readonly string[], request: DhcpPacket): string {
  if (!reply) return `silence: ${notes.join('; ')}`;
  const options = SHOWN.flatMap((code) => {
    const value = reply.options.get(code);
    return value ? [`${code} ${showOption(code, value, request)}`] : [];
  });
  const isOffer = messageType(reply) === MESSAGE.offer;
  const parts = [
    `${isOffer ? 'OFFER' : 'ACK'} with ${reply.yiaddr === UNSPECIFIED ? 'no address' : 'an address'}`,
    `siaddr ${formatIpv4(reply.siaddr)}`,
    `file "${reply.file}"`,
    ...options,
    ...notes.map((note) => `(${note})`),
  ];
  return parts.join('\n    ');
}

function describe({ title, packet, contexts }: Case): string {
  const client = describeClient(packet);
  const booter = contexts[0]?.[1].recognise(client);
  const stage = { ipxe: 'iPXE, which needs no loader', firmware: 'firmware' } as const;
  const what = booter ? `${booter.name}: ${stage[booter.kind]}` : 'an operating system';
  const architecture = client.architectures.length > 0 ? `, architecture ${client.architectures}` : '';
  const replies = contexts.map(([mode, context]) => {
    const { reply, notes } = context.answer(packet, BROADCAST);
    return `  ${mode}: ${show(reply, notes, packet)}`;
  });
  return [`${title} is ${what}${architecture}`, ...replies, ''].join('\n');
}

/** What the boot server on port 4011 answers. */
function describeBootServer(): string {
  const [bytes] = recorded('ovmf-boot-server');
  if (!bytes) throw new Error('ovmf-boot-server is empty');
  const packet = decoded(bytes);
  const { reply, notes } = PROXY.answer(packet, TO_BOOT_SERVER);
  return `ovmf-boot-server asks on port 4011\n  boot server: ${show(reply, notes, packet)}\n`;
}

const described = new Map(cases.map((one) => [one.title, describe(one)]));
described.set('ovmf-boot-server', describeBootServer());
if (process.env.UPDATE_GOLDEN) writeFileSync(TABLE, [...described.values()].join('\n'));
const table = readFileSync(TABLE, 'utf8').split(/\n\n/);

for (const [title, text] of described) {
  test(`${title} is taken for what it is, and answered as the table says`, (t) => {
    const expected = table.find((paragraph) => /^(.*?) (?:is|asks) /.exec(paragraph)?.[1] === title);
    t.is(text.trimEnd(), expected?.trimEnd() ?? '');
  });
}

test('the table is of these clients and no others', (t) => {
  t.is(table.length, described.size);
});
