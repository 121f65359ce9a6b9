import assert from 'node:assert/strict';
import { OPTION } from '../../../src/dhcp/options.ts';
import type { Outcome } from '../../../src/dhcp/outcome.ts';
import { type DhcpPacket, decodePacket, MESSAGE, messageType } from '../../../src/dhcp/packet.ts';
import { DhcpResponder } from '../../../src/dhcp/responder.ts';
import { formatIpv4, LIMITED_BROADCAST, UNSPECIFIED } from '../../../src/net/ipv4.ts';
import { allRecorded } from '../../support/recorded.ts';
import { readSteps, SEPARATOR, writeSteps } from '../frames.ts';
import type { FuzzTarget } from '../target.ts';
import { DHCP_TOKENS } from './dhcp-tokens.ts';
import { answerTo, IGNORED, NETWORKS, someRequests } from './dhcp-world.ts';
import { checkReply } from './reply-check.ts';

const MAX_STEPS = 12;
/** How much later a message comes, milliseconds: at once, after an offer lapsed, a quarantine, a lease. */
const LATER = [1, 31_000, 601_000, 3_601_000];
/** Bits of a step's control byte; the two lowest tell how much later it is. */
const UNICAST = 4;
const RECONFIGURE = 8;
const CONFLICT = 16;

/** Options that come back as they were sent; a client that fills its reply with them has no room for others. */
const ECHOED = [OPTION.clientIdentifier, OPTION.clientUuid, OPTION.clientFqdn, OPTION.subnetSelection];
const MAX_ECHOED = 64;

type Reply = Extract<Outcome, { type: 'reply' }>;

/** A DHCP server that takes messages one after another. */
export const target: FuzzTarget = {
  name: 'dhcp-server',
  about: 'up to twelve DHCP messages to a server of two wires and their relays',
  seeds() {
    const requests = someRequests();
    const one = (index: number) => requests[index] ?? Buffer.alloc(0);
    const all = [...requests, ...allRecorded()];
    return [
      ...all.map((bytes) => writeSteps([[0, bytes]])),
      // A lease from its beginning to its end: DISCOVER, SELECTING, INIT-REBOOT, RENEWING, RELEASE, INFORM.
      writeSteps([0, 8, 11, 12, 13, 15].map((index) => [index === 12 ? UNICAST : 0, one(index)])),
      // Taken from another server, declined, asked for again when all has ended.
      writeSteps([0, 9, 0, 8, 14, 0].map((index) => [0, one(index)])),
      writeSteps([3, 10, 3].map((index) => [index % 2, one(index)])),
      // Every machine at once, then a look at an address, and another configuration.
      writeSteps([0, 1, 2, 4, 5, 6, 7].map((index) => [0, one(index)])),
      writeSteps([0, 8, 0, 8].map((index, step) => [step * 8, one(index)])),
      writeSteps(allRecorded().map((bytes) => [0, bytes])),
    ];
  },
  tokens: () => [...DHCP_TOKENS, SEPARATOR, ...someRequests().map((bytes) => writeSteps([[0, bytes]]))],
  maxLength: 6_000,
  limit: 200,
  run(bytes) {
    const steps = readSteps(bytes, MAX_STEPS);
    let network = NETWORKS[(steps[0]?.control ?? 0) >> 7];
    if (!network) throw new Error('there are two networks');
    const responder = new DhcpResponder(network, { answer: (client) => answerTo(client) }, []);
    const words: string[] = [];
    let before = '';
    let now = 1_700_000_000_000;
    for (const { control, payload } of steps) {
      now += LATER[control & 3] ?? 0;
      if ((control & RECONFIGURE) !== 0) {
        network = NETWORKS[network === NETWORKS[0] ? 1 : 0] ?? network;
        responder.reconfigure(network);
      }
      const packet = decodePacket(payload);
      const outcome =
        typeof packet === 'string' ? undefined : responder.handle(packet, (control & UNICAST) !== 0, now);
      if (outcome?.type === 'reply') checkOutcome(outcome, packet as DhcpPacket, responder, now);
      if (outcome?.type === 'reply' && outcome.lookFirst && (control & CONFLICT) !== 0) {
        responder.conflict(outcome.address, now);
      }
      checkLeases(responder, now);
      const word = outcome ? wordFor(outcome) : String(packet);
      words.push(word, `${before} then ${word}`);
      before = word;
    }
    return words;
  },
};

function wordFor(outcome: Outcome): string {
  switch (outcome.type) {
    case 'reply':
      return `${outcome.request} gets ${outcome.reply}`;
    case 'silent':
      return `${outcome.request} ${outcome.reason}`;
    default:
      return outcome.reason;
  }
}

function checkOutcome(outcome: Reply, request: DhcpPacket, { links }: DhcpResponder, now: number): void {
  const { datagram, reply: name, address } = outcome;
  const reply = checkReply(datagram, request);
  assert.notEqual(request.chaddr, IGNORED, 'a machine that is ignored gets no reply');
  const type = messageType(reply);
  const types = { OFFER: MESSAGE.offer, ACK: MESSAGE.ack, NAK: MESSAGE.nak, BOOTREPLY: undefined };
  assert.equal(type, types[name], 'message type');
  const named = messageType(request) === MESSAGE.request && request.options.get(OPTION.serverIdentifier);
  if (type !== undefined) {
    const server = reply.options.get(OPTION.serverIdentifier);
    assert.equal(server?.length, 4, 'the server identifier is there');
    if (named && name === 'ACK') assert.deepEqual([...named], [...(server ?? [])], 'who was chosen answers');
  }
  checkDestination(outcome, request);
  const gives = name !== 'NAK' && outcome.request !== 'INFORM';
  assert.equal(reply.yiaddr, gives ? address : UNSPECIFIED, 'yiaddr');
  if (!gives) return;
  const link = links.linkOf(address);
  assert.ok(link, `${formatIpv4(address)} is on no link`);
  if (type !== undefined) {
    assert.ok(reply.options.has(OPTION.leaseTime), 'an address is given for some time');
    const asked = request.options.get(OPTION.parameterRequestList);
    if (asked?.includes(OPTION.subnetMask) && echoedBytes(request) <= MAX_ECHOED) {
      assert.ok(reply.options.has(OPTION.subnetMask), 'the mask was asked for');
    }
  }
  if (name === 'OFFER') assert.ok(links.isOffered(request.chaddr, address), 'what is offered is kept');
  else assert.equal(links.holder(address, now), request.chaddr, 'what is given is leased');
}

/** Bytes of what a client gets back as it sent it. */
function echoedBytes({ options }: DhcpPacket): number {
  return ECHOED.reduce((sum, code) => sum + (options.get(code)?.length ?? 0), 0);
}

/** RFC 2131 §4.1: to the relay agent, to the address that the client has, or to all. */
function checkDestination({ datagram, reply, request: name }: Reply, request: DhcpPacket): void {
  const { address, port } = datagram;
  const relayed = request.giaddr !== UNSPECIFIED;
  assert.equal(port, relayed ? 67 : 68);
  const has = ['RENEWING', 'REBINDING', 'INFORM', 'BOOTP'].includes(name) && reply !== 'NAK';
  const own = has && request.ciaddr !== UNSPECIFIED ? request.ciaddr : LIMITED_BROADCAST;
  assert.equal(address, relayed ? request.giaddr : own, 'destination');
}

/** No address has two machines, no machine two addresses, and there are no more leases than addresses. */
function checkLeases({ links }: DhcpResponder, now: number): void {
  const leases = [...links.leases()].filter(({ expires }) => expires > now);
  assert.equal(new Set(leases.map(({ address }) => address)).size, leases.length, 'an address twice');
  const macs = leases.flatMap(({ mac }) => mac ?? []);
  assert.equal(new Set(macs).size, macs.length, 'a machine twice');
  // Addresses of reservations and places come on top of the ranges.
  const most = NETWORKS.reduce((sum, { plan, relayed = [] }) => {
    const plans = [plan, ...relayed.map((link) => link.plan)];
    return sum + plans.reduce((of, one) => of + sizeOf(one), 0);
  }, 0);
  assert.ok(leases.length <= most, `${leases.length} leases`);
}

function sizeOf({ ranges, reservations, places }: (typeof NETWORKS)[number]['plan']): number {
  const pooled = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  return pooled + reservations.size + (places?.size ?? 0);
}
