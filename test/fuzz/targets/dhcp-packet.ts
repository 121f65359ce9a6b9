import assert from 'node:assert/strict';
import { recognise } from '../../../src/boot/firmware.ts';
import { describeClient } from '../../../src/dhcp/client.ts';
import { answerFqdn } from '../../../src/dhcp/fqdn.ts';
import { OPTION } from '../../../src/dhcp/options.ts';
import { readOverheard } from '../../../src/dhcp/overheard.ts';
import { type DhcpPacket, decodePacket, encodeReply } from '../../../src/dhcp/packet.ts';
import { readRelayInformation } from '../../../src/dhcp/relay.ts';
import { nameRequest } from '../../../src/dhcp/request.ts';
import { requestBytes, SERVER } from '../../support/dhcp.ts';
import { allRecorded } from '../../support/recorded.ts';
import type { FuzzTarget } from '../target.ts';
import { DHCP_TOKENS } from './dhcp-tokens.ts';

const MALFORMED: ReadonlySet<string> = new Set([
  'short',
  'op',
  'hardware-type',
  'chaddr',
  'options',
  'relay-information',
]);
/** What is kept of a machine, as JSON: five texts of at most 255 characters and some numbers. */
const MAX_CLIENT = 3_000;
/** More than an option can have in the longest input. */
const PLENTY = 65_535;
const HEADER_OF_FQDN = 3;

/** The DHCP codec, and all that is read from a message. */
export const target: FuzzTarget = {
  name: 'dhcp-packet',
  about: 'one DHCP message: decoded, encoded again, and all that is read from it',
  seeds: () => [...allRecorded(), requestBytes({ type: 'discover' }), overloaded()],
  tokens: () => DHCP_TOKENS,
  maxLength: 4_096,
  limit: 100,
  run(bytes) {
    const packet = decodePacket(bytes);
    if (typeof packet === 'string') {
      assert.ok(MALFORMED.has(packet), packet);
      return [packet];
    }
    checkRoundTrip(packet);
    return read(packet);
  },
};

/** What is encoded with the options of a message is decoded to the same. */
function checkRoundTrip(packet: DhcpPacket): void {
  const options = new Map(packet.options);
  const relayed = options.get(OPTION.relayAgentInformation);
  // These two are the encoder's own.
  options.delete(OPTION.relayAgentInformation);
  options.delete(OPTION.overload);
  const { ciaddr, yiaddr, siaddr, flags, file } = packet;
  const again = decodePacket(
    encodeReply({ request: packet, ciaddr, yiaddr, siaddr, flags, file, options, maximumLength: PLENTY }),
  );
  assert.ok(typeof again !== 'string', `what was encoded is malformed: ${again}`);
  if (relayed) options.set(OPTION.relayAgentInformation, relayed);
  assert.deepEqual(plain(again.options), plain(options));
  for (const field of ['xid', 'ciaddr', 'yiaddr', 'siaddr', 'giaddr', 'flags', 'chaddr'] as const) {
    assert.equal(again[field], packet[field], field);
  }
  // A name without a terminating NUL fills the field, which is never sent that way.
  if (file.length < 128) assert.equal(again.file, file);
}

/** In hexadecimal, since a Buffer and a Uint8Array are alike here. */
function plain(options: ReadonlyMap<number, Uint8Array>): [code: number, value: string][] {
  return [...options].map(([code, value]) => [code, Buffer.from(value).toString('hex')]);
}

function read(packet: DhcpPacket): string[] {
  const relay = readRelayInformation(packet);
  const client = describeClient(packet, relay);
  const { vendorClass = '', userClass = '', hostname = '', uuid, attachment } = client;
  for (const text of [
    vendorClass,
    userClass,
    hostname,
    attachment?.circuit ?? '',
    attachment?.remote ?? '',
  ]) {
    assert.match(text, /^[\x20-\x7e]*$/);
  }
  const { ipxeFeatures: _, ...kept } = client;
  assert.ok(JSON.stringify(kept).length <= MAX_CLIENT, 'what is kept of a machine is too long');
  const booter = recognise(client)?.name ?? 'no booter';
  assert.ok(booter.length <= 100, `the name of what boots has ${booter.length} characters`);
  if (uuid !== undefined) assert.match(uuid, /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const sent = packet.options.get(OPTION.clientFqdn);
  const fqdn = sent && answerFqdn(sent, hostname || undefined, 'kubernetes.local');
  if (fqdn) assert.ok(fqdn.length >= HEADER_OF_FQDN);
  return [
    nameRequest(packet, false) ?? 'no request',
    booter.replace(/architecture .*/, 'architecture that nobody knows'),
    `relay ${Object.keys(relay).sort().join()}`,
    `overheard ${readOverheard(packet, SERVER)?.given !== undefined}`,
    `fqdn ${fqdn !== undefined}`,
  ];
}

/** A DISCOVER whose `file` and `sname` hold options. */
function overloaded(): Buffer {
  const bytes = requestBytes({ type: 'discover', options: [[OPTION.overload, Uint8Array.of(3)]] });
  bytes.set([OPTION.hostName, 2, 0x6e, 0x31, OPTION.end], 44);
  bytes.set([OPTION.userClass, 4, 0x69, 0x50, 0x58, 0x45, OPTION.end], 108);
  return bytes;
}
