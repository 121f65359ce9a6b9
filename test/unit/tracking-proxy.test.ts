import test from 'ava';
import type { DhcpClient } from '../../src/dhcp/client.ts';
import type { DhcpEvent } from '../../src/dhcp/events.ts';
import { UNSPECIFIED } from '../../src/net/ipv4.ts';
import { ip, machine as macOf } from '../support/dhcp.ts';
import { KNOWN } from '../support/provisioning.ts';
import { bootingMachine, testRack } from '../support/rack.ts';

const OTHER = ip('192.168.0.9');
const THERE = ip('192.168.0.150');

/** A machine's boot beside another DHCP server. */
function besideAnother() {
  const rack = testRack();
  const machine = bootingMachine(rack);
  const tell = (event: DhcpEvent) => rack.tracker.dhcp(event, machine.tick());
  const asks = (client: DhcpClient) =>
    tell({
      type: 'answered',
      client,
      request: 'DISCOVER',
      reply: 'OFFER',
      address: UNSPECIFIED,
      milliseconds: 1,
    });
  const takes = (client: DhcpClient, address = THERE) =>
    tell({
      type: 'silent',
      client,
      request: 'SELECTING',
      reason: 'address-not-ours',
      server: OTHER,
      address,
    });
  return { rack, machine, tell, asks, takes };
}

test('a boot beside another DHCP server is told like any other, and its address is known', (t) => {
  const { rack, machine, asks, takes, tell } = besideAnother();
  asks(machine.BIOS);
  takes(machine.BIOS);
  tell({
    type: 'answered',
    client: machine.BIOS,
    request: 'BOOT-SERVER',
    reply: 'ACK',
    address: THERE,
    milliseconds: 1,
  });
  asks(machine.IPXE);
  takes(machine.IPXE);
  t.deepEqual(
    rack.lines.map((line) => line.replace(`worker-01 ${KNOWN} `, '')),
    [
      'BIOS asks for an address',
      'BIOS is offered its boot file, and its address by another server',
      'BIOS takes 192.168.0.150 from the DHCP server 192.168.0.9',
      'iPXE asks for an address',
      'iPXE is offered its boot file, and its address by another server',
      'iPXE takes 192.168.0.150 from the DHCP server 192.168.0.9',
    ],
  );
  t.is(rack.registry.at(THERE)?.mac, KNOWN);
});

test('another address that the other server gives to its system is known too; strangers’ are not', (t) => {
  const { rack, machine, asks, takes, tell } = besideAnother();
  asks(machine.IPXE);
  takes(machine.IPXE);
  takes(machine.LINUX, ip('192.168.0.151'));
  t.is(rack.registry.get(KNOWN)?.address, ip('192.168.0.151'));
  tell({ type: 'overheard', mac: KNOWN, address: ip('192.168.0.152'), server: OTHER });
  t.is(rack.registry.get(KNOWN)?.address, ip('192.168.0.152'));
  tell({ type: 'overheard', mac: macOf(77), address: ip('192.168.0.153'), server: OTHER });
  takes({ mac: macOf(78), architectures: [] }, ip('192.168.0.154'));
  t.is(rack.registry.get(macOf(77)), undefined);
  t.is(rack.registry.get(macOf(78)), undefined);
});

test('a machine that gets no address from the other server is stuck because of that server', (t) => {
  const { rack, machine, asks } = besideAnother();
  asks(machine.BIOS);
  machine.wait(30);
  t.regex(
    rack.rack.machine(KNOWN)?.stuck?.cause ?? '',
    /^no DHCP server gave it an address: rackseed is a proxy here/,
  );
});

test('a change of role is told once to everybody', (t) => {
  const { rack, tell } = besideAnother();
  tell({ type: 'role', network: 'kubernetes1', role: 'proxy', server: OTHER });
  const notices = rack.published.flatMap((event) => (event.type === 'notice' ? [event.detail] : []));
  t.deepEqual(notices, [
    'kubernetes1: the DHCP server 192.168.0.9 gives the addresses here, so rackseed only says what to boot',
  ]);
});
