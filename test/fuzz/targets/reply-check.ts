import assert from 'node:assert/strict';
import type { Datagram } from '../../../src/dhcp/compose.ts';
import { OPTION } from '../../../src/dhcp/options.ts';
import { BROADCAST_FLAG, type DhcpPacket, decodePacket, OP } from '../../../src/dhcp/packet.ts';

const OPTIONS_START = 240;
/** What every client accepts, and what fits into an Ethernet frame; IPv4 and UDP headers. */
const SMALLEST = 576;
const LARGEST = 1500;
const HEADERS = 28;

/** Throws unless a reply is well-formed, is about its request, and no longer than its client takes; gives it decoded. */
export function checkReply({ bytes }: Datagram, request: DhcpPacket): DhcpPacket {
  const reply = decodePacket(bytes);
  assert.ok(typeof reply !== 'string', `the reply is malformed: ${reply}`);
  assert.equal(reply.op, OP.bootReply);
  assert.equal(reply.xid, request.xid, 'xid');
  assert.equal(reply.chaddr, request.chaddr, 'chaddr');
  assert.equal(reply.giaddr, request.giaddr, 'giaddr');
  assert.equal(reply.flags & ~BROADCAST_FLAG, request.flags & ~BROADCAST_FLAG, 'flags');
  assert.equal(reply.options.get(OPTION.overload), undefined, 'nothing is overloaded');
  checkRelayInformation(bytes, request);
  const relayed = request.options.get(OPTION.relayAgentInformation);
  // The relay agent takes its option out again, so the client's own limit is for what is left.
  const own = relayed ? relayed.length + 2 * Math.max(1, Math.ceil(relayed.length / 255)) : 0;
  assert.ok(
    bytes.length - own <= longest(request),
    `the reply has ${bytes.length} bytes, ${own} of them option 82`,
  );
  assert.ok(bytes.length <= LARGEST - HEADERS, `the reply has ${bytes.length} bytes`);
  return reply;
}

/** The longest message that the client takes, without headers. */
function longest({ options }: DhcpPacket): number {
  const value = options.get(OPTION.maxMessageSize);
  const told = value?.length === 2 ? Buffer.from(value).readUInt16BE() : 0;
  return Math.min(Math.max(told, SMALLEST), LARGEST) - HEADERS;
}

/** RFC 3046 §2.2: option 82 comes back as it was, and is the last one. */
function checkRelayInformation(bytes: Uint8Array, request: DhcpPacket): void {
  const sent = request.options.get(OPTION.relayAgentInformation);
  const back: number[] = [];
  for (let at = OPTIONS_START; bytes[at] !== undefined && bytes[at] !== OPTION.end; ) {
    const length = bytes[at + 1] ?? 0;
    if (bytes[at] === OPTION.relayAgentInformation) back.push(...bytes.subarray(at + 2, at + 2 + length));
    else assert.equal(back.length, 0, `option ${bytes[at]} comes after option 82`);
    at += 2 + length;
  }
  assert.deepEqual(Buffer.from(back), Buffer.from(sent ?? []), 'option 82');
}
