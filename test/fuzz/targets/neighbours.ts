import assert from 'node:assert/strict';
import { arpProbe, readArp } from '../../../src/net/arp.ts';
import { echoRequest, readEchoReply } from '../../../src/net/icmp.ts';
import { parseMac } from '../../../src/net/mac.ts';
import { ip } from '../../support/dhcp.ts';
import type { FuzzTarget } from '../target.ts';

const IDENTIFIER = 0x5253;
const IP_HEADER = Buffer.from('450000200000400040010000c0a80007c0a800fe', 'hex');

/** Who answers at an address. */
export const target: FuzzTarget = {
  name: 'neighbours',
  about: 'an ARP packet, and an ICMP packet with its IPv4 header',
  seeds() {
    const reply = echoRequest(IDENTIFIER);
    reply[0] = 0;
    const arp = arpProbe(Uint8Array.of(0x52, 0x54, 0, 0, 0, 1), ip('192.168.0.7'));
    arp.set([192, 168, 0, 7], 14);
    return [arp, Buffer.concat([IP_HEADER, reply]), Buffer.concat([IP_HEADER, echoRequest(1)])];
  },
  maxLength: 1_500,
  limit: 100,
  run(bytes) {
    const arp = readArp(bytes);
    if (arp) {
      assert.equal(parseMac(arp.mac), arp.mac);
      assert.ok(arp.address > 0 && arp.address < 2 ** 32, 'an address');
    }
    const echo = readEchoReply(bytes, IDENTIFIER);
    if (echo !== undefined) assert.ok(echo >= 0 && echo < 2 ** 32, 'an address');
    return [`arp ${arp !== undefined}`, `echo ${echo !== undefined}`];
  },
};
