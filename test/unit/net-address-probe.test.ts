import test from 'ava';
import { AddressCheck } from '../../src/dhcp/address-check.ts';
import { arpProbe, readArp } from '../../src/net/arp.ts';
import { echoRequest, readEchoReply } from '../../src/net/icmp.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import { macToBytes } from '../../src/net/mac.ts';
import { ip, machine } from '../support/dhcp.ts';

test('an ARP probe asks for an address and gives none of its own (RFC 5227)', (t) => {
  const probe = arpProbe(macToBytes(machine(1)), ip('192.168.0.9'));
  t.is(
    probe.toString('hex'),
    '0001080006040001 525400000001 00000000 000000000000 c0a80009'.replaceAll(' ', ''),
  );
  t.is(readArp(probe), undefined);
});

test('an ARP packet tells who has an address; what is no ARP packet tells nothing', (t) => {
  const reply = arpProbe(macToBytes(machine(2)), ip('0.0.0.0'));
  reply.writeUInt32BE(ip('192.168.0.9'), 14);
  t.deepEqual(readArp(reply), { mac: machine(2), address: ip('192.168.0.9') });
  t.is(readArp(reply.subarray(0, 27)), undefined);
  t.is(readArp(new Uint8Array()), undefined);
  for (const at of [0, 2, 4, 5]) {
    const broken = Buffer.from(reply);
    broken[at] = 0xff;
    t.is(readArp(broken), undefined);
  }
});

test('an echo request adds up to its checksum (RFC 792)', (t) => {
  t.is(echoRequest(0x1234).toString('hex'), '0800e5cb12340000');
});

test('an echo reply tells its sender, if it is ours', (t) => {
  const packet = Buffer.alloc(28);
  packet[0] = 0x45;
  packet.writeUInt32BE(ip('10.1.0.9'), 12);
  packet.writeUInt16BE(0x1234, 24);
  t.is(readEchoReply(packet, 0x1234), ip('10.1.0.9'));
  t.is(readEchoReply(packet, 0x4321), undefined);
  t.is(readEchoReply(packet.subarray(0, 27), 0x1234), undefined);
  t.is(readEchoReply(new Uint8Array(), 0), undefined);
  packet[20] = 8;
  t.is(readEchoReply(packet, 0x1234), undefined);
});

/** Stands in for the network: answers when told to. */
function probeDouble() {
  const asked: { address: Ipv4; answer: (isInUse: boolean) => void }[] = [];
  return {
    asked,
    probe: {
      isInUse: (address: Ipv4) => new Promise<boolean>((answer) => void asked.push({ address, answer })),
    },
  };
}

test('an address that was free is not looked at again at once, one that was in use is', async (t) => {
  const { asked, probe } = probeDouble();
  const check = new AddressCheck(probe);
  for (const isInUse of [true, false]) {
    const look = check.look(ip('10.0.0.1'), machine(1), 'arp');
    asked.at(-1)?.answer(isInUse);
    t.is(await look, isInUse);
  }
  t.is(check.look(ip('10.0.0.1'), machine(2), 'arp'), undefined);
  t.truthy(check.look(ip('10.0.0.2'), machine(2), 'arp'));
});

test('when too many machines wait for a look, the next one is answered without', async (t) => {
  const { asked, probe } = probeDouble();
  const check = new AddressCheck(probe);
  let looks = 0;
  while (check.look((looks + 1) as Ipv4, machine(1), 'icmp')) looks += 1;
  t.is(looks, 128);
  asked[0]?.answer(false);
  await new Promise(setImmediate);
  t.truthy(check.look(9999 as Ipv4, machine(1), 'icmp'));
});
