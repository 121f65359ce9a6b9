import assert from 'node:assert/strict';
import { OPTION } from '../../../src/dhcp/options.ts';
import { decodePacket, MESSAGE, messageType } from '../../../src/dhcp/packet.ts';
import { isAboutOwnLease, ProxyResponder } from '../../../src/dhcp/proxy.ts';
import { LIMITED_BROADCAST, UNSPECIFIED } from '../../../src/net/ipv4.ts';
import { ip, SERVER } from '../../support/dhcp.ts';
import { allRecorded } from '../../support/recorded.ts';
import type { FuzzTarget } from '../target.ts';
import { DHCP_TOKENS } from './dhcp-tokens.ts';
import { answerTo, IGNORED, someRequests } from './dhcp-world.ts';
import { checkReply } from './reply-check.ts';

const PEER = { address: ip('192.168.0.30'), port: 4011 };
const ALWAYS = new Map([[224, Buffer.alloc(300, 'x')]]);
/** Bits of the input's first byte. */
const UNICAST = 1;
const BOOT_SERVER = 2;
const WITH_OPTIONS = 4;

/** A proxy and its boot server. */
export const target: FuzzTarget = {
  name: 'dhcp-proxy',
  about: 'one message to the proxy or to the boot server',
  seeds: () =>
    [...allRecorded(), ...someRequests()].flatMap((bytes) =>
      [0, BOOT_SERVER].map((control) => Buffer.concat([Buffer.of(control), bytes])),
    ),
  tokens: () => DHCP_TOKENS,
  maxLength: 4_096,
  limit: 100,
  run(bytes) {
    const control = bytes[0] ?? 0;
    const packet = decodePacket(bytes.subarray(1));
    if (typeof packet === 'string') return [packet];
    const unicast = (control & UNICAST) !== 0;
    const options = (control & WITH_OPTIONS) !== 0 ? ALWAYS : new Map();
    const responder = new ProxyResponder({ address: SERVER, options }, { answer: answerTo });
    const isOwn = isAboutOwnLease(packet, unicast, () => packet.chaddr);
    const asksBootServer = (control & BOOT_SERVER) !== 0;
    const outcome = asksBootServer ? responder.bootServer(packet, PEER) : responder.handle(packet, unicast);
    if (outcome.type !== 'reply') return [`${isOwn} ${outcome.reason}`];
    const { datagram, reply: name } = outcome;
    const reply = checkReply(datagram, packet);
    assert.notEqual(packet.chaddr, IGNORED, 'a machine that is ignored gets no reply');
    assert.equal(messageType(reply), asksBootServer ? MESSAGE.ack : MESSAGE.offer);
    assert.equal(reply.options.get(OPTION.serverIdentifier)?.length, 4, 'the server identifier is there');
    assert.equal(reply.options.get(OPTION.leaseTime), undefined, 'a proxy leases nothing');
    assert.equal(reply.yiaddr, asksBootServer ? packet.ciaddr : UNSPECIFIED, 'yiaddr');
    const relayed = packet.giaddr !== UNSPECIFIED;
    const broadcast = { address: relayed ? packet.giaddr : LIMITED_BROADCAST, port: relayed ? 67 : 68 };
    assert.deepEqual(
      { address: datagram.address, port: datagram.port },
      asksBootServer ? PEER : broadcast,
      'destination',
    );
    return [`${name} ${[...reply.options.keys()].join()}`.slice(0, 40)];
  },
};
