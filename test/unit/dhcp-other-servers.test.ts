import test from 'ava';
import {
  type DhcpMode,
  describeRole,
  FIRST_LISTEN,
  GONE_AFTER,
  OtherServers,
} from '../../src/dhcp/other-servers.ts';
import { probeDiscover, readOverheard } from '../../src/dhcp/overheard.ts';
import { encodeReply } from '../../src/dhcp/packet.ts';
import { UNSPECIFIED } from '../../src/net/ipv4.ts';
import { address, decoded, ip, machine, request, SERVER } from '../support/dhcp.ts';

const OTHER = ip('192.168.0.9');

test('authoritative and proxy are what they are, whoever is heard', (t) => {
  for (const mode of ['authoritative', 'proxy'] as const satisfies readonly DhcpMode[]) {
    const others = new OtherServers(mode, 0);
    t.is(others.heard(OTHER, 1), undefined);
    t.is(others.tick(GONE_AFTER * 3), undefined);
    t.is(others.role, mode);
  }
});

test('auto gives no address before it has listened, then does if nobody is heard, and says so once', (t) => {
  const others = new OtherServers('auto', 1000);
  t.is(others.role, 'proxy');
  t.is(others.tick(1000 + FIRST_LISTEN - 1), undefined);
  t.deepEqual(others.tick(1000 + FIRST_LISTEN), { role: 'authoritative' });
  t.is(others.role, 'authoritative');
  t.is(others.tick(1000 + GONE_AFTER), undefined);
});

test('auto leaves addresses to another server as soon as it is heard, and says so once', (t) => {
  const others = new OtherServers('auto', 0);
  t.deepEqual(others.heard(OTHER, 3000), { role: 'proxy', server: OTHER });
  t.is(others.heard(OTHER, 4000), undefined);
  t.is(others.tick(FIRST_LISTEN), undefined);
  t.is(others.role, 'proxy');
});

test('auto gives addresses again when the other server was silent for long, and stops when it is back', (t) => {
  const others = new OtherServers('auto', 0);
  others.tick(FIRST_LISTEN);
  t.deepEqual(others.heard(OTHER, 100_000), { role: 'proxy', server: OTHER });
  others.heard(OTHER, 200_000);
  t.is(others.tick(200_000 + GONE_AFTER - 1), undefined);
  t.deepEqual(others.tick(200_000 + GONE_AFTER), { role: 'authoritative', server: OTHER });
  t.deepEqual(others.heard(OTHER, 900_000_000), { role: 'proxy', server: OTHER });
});

test('another server is shown for ten minutes after it was heard, in every mode', (t) => {
  for (const mode of ['authoritative', 'proxy', 'auto'] as const satisfies readonly DhcpMode[]) {
    const others = new OtherServers(mode, 0);
    t.is(others.present(1), undefined);
    others.heard(OTHER, 100);
    t.is(others.present(100 + GONE_AFTER - 1), OTHER);
    t.is(others.present(100 + GONE_AFTER), undefined);
  }
});

test('every change of role has words', (t) => {
  t.deepEqual(
    [
      { role: 'proxy', server: OTHER },
      { role: 'authoritative' },
      { role: 'authoritative', server: OTHER },
    ].map((change) => describeRole(change as Parameters<typeof describeRole>[0])),
    [
      'the DHCP server 192.168.0.9 gives the addresses here, so rackseed only says what to boot',
      'no other DHCP server answers, so rackseed gives the addresses',
      'the DHCP server 192.168.0.9 was not heard for 10 minutes, so rackseed gives the addresses',
    ],
  );
});

test('our own DISCOVER asks for a broadcast answer, carries our hardware address and asks for no boot file', (t) => {
  const bytes = probeDiscover(machine(254), 0xfedcba98);
  const packet = decoded(bytes);
  t.true(bytes.length >= 300);
  t.like(packet, { op: 1, xid: 0xfedcba98, flags: 0x8000, chaddr: machine(254), ciaddr: 0 });
  t.deepEqual(
    [...packet.options].map(([code, value]) => [code, ...value]),
    [
      [53, 1],
      [55, 1, 3],
    ],
  );
});

/** A reply of a server, as it is overheard. */
function reply(type: number, server: string | undefined, yiaddr = ip('192.168.0.30')) {
  const options = new Map<number, Uint8Array>([[53, Uint8Array.of(type)]]);
  if (server) options.set(...address(54, server));
  const fields = { ciaddr: UNSPECIFIED, yiaddr, siaddr: UNSPECIFIED, flags: 0, file: '', maximumLength: 548 };
  return decoded(encodeReply({ request: request({ chaddr: machine(7) }), ...fields, options }));
}

test('an OFFER and an ACK of another server show it; an ACK shows what it gave to whom', (t) => {
  t.deepEqual(readOverheard(reply(2, '192.168.0.9'), SERVER), { server: OTHER });
  t.deepEqual(readOverheard(reply(5, '192.168.0.9'), SERVER), {
    server: OTHER,
    given: { mac: machine(7), address: ip('192.168.0.30') },
  });
});

test('our own replies, other proxies’, NAKs, requests and nonsense show nobody', (t) => {
  t.is(readOverheard(reply(2, '192.168.0.254'), SERVER), undefined);
  t.is(readOverheard(reply(2, '192.168.0.9', UNSPECIFIED), SERVER), undefined);
  t.is(readOverheard(reply(6, '192.168.0.9'), SERVER), undefined);
  t.is(readOverheard(reply(2, undefined), SERVER), undefined);
  t.is(readOverheard(reply(2, '0.0.0.0'), SERVER), undefined);
  t.is(readOverheard(reply(2, '255.255.255.255'), SERVER), undefined);
  t.is(readOverheard(request({ type: 'discover' }), SERVER), undefined);
});
