/**
 * A double of network boot firmware beside two DHCP servers: asks for an address with a recorded DISCOVER, takes it from
 * who offers one, and then asks the boot server of who offers none. Prints all replies as one line of JSON.
 *
 *     node --import tsx pxe-firmware.ts FIXTURE MAC
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { OPTION } from '../../../src/dhcp/options.ts';
import { type DhcpPacket, decodePacket, MESSAGE, messageType } from '../../../src/dhcp/packet.ts';
import { formatIpv4 } from '../../../src/net/ipv4.ts';
import { macToBytes } from '../../../src/net/mac.ts';
import { openSharedSocket } from '../../../src/net/udp.ts';
import { mac } from '../dhcp.ts';
import { recorded } from '../recorded.ts';

const [fixture = '', own = ''] = process.argv.slice(2);
const PATIENCE = 8000;
const BROADCAST = '255.255.255.255';
const socket = await openSharedSocket({ interface: 'eth0', port: 68, receiveBuffer: 65536 });
const heard: { readonly bytes: Buffer; readonly packet: DhcpPacket; readonly port: number }[] = [];
socket.on('message', (bytes, { port }) => {
  const packet = decodePacket(bytes);
  if (typeof packet !== 'string' && packet.chaddr === own) heard.push({ bytes, packet, port });
});

/** The first reply that fits; ends the program when none comes. */
async function reply(what: string, fits: (packet: DhcpPacket, port: number) => boolean) {
  const deadline = AbortSignal.timeout(PATIENCE);
  for (;;) {
    const found = heard.find(({ packet, port }) => fits(packet, port));
    if (found) return found;
    await once(socket, 'message', { signal: deadline }).catch(() => {
      throw new Error(`no ${what} came`);
    });
  }
}

/** The recorded DISCOVER of this machine, as a message of another type and with more options. */
function message(type: number, ciaddr: number, more: readonly (readonly [number, Uint8Array])[]): Buffer {
  const bytes = Buffer.from(recorded(fixture)[0] ?? []);
  bytes.set(macToBytes(mac(own)), 28);
  // Whoever answers must broadcast: this program has no way to take a unicast datagram without an address.
  bytes.writeUInt16BE(0x8000, 10);
  bytes.writeUInt32BE(ciaddr, 12);
  const packet = decodePacket(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  const options = new Map([...packet.options, [OPTION.messageType, Uint8Array.of(type)] as const, ...more]);
  options.delete(OPTION.clientIdentifier);
  const encoded = [...options].map(([code, value]) => Buffer.from([code, value.length, ...value]));
  return Buffer.concat([bytes.subarray(0, 240), ...encoded, Buffer.of(255)]);
}

const is = (type: number) => (packet: DhcpPacket) => messageType(packet) === type;
const option = (packet: DhcpPacket, code: number) => packet.options.get(code) ?? new Uint8Array();
const address = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

socket.send(message(MESSAGE.discover, 0, []), 67, BROADCAST);
const offer = await reply(
  'offer of an address',
  (packet) => is(MESSAGE.offer)(packet) && packet.yiaddr !== 0,
);
const proxy = await reply('proxy offer', (packet) => is(MESSAGE.offer)(packet) && packet.yiaddr === 0);
const { yiaddr } = offer.packet;
const chosen = [
  [OPTION.requestedAddress, address(yiaddr)],
  [OPTION.serverIdentifier, option(offer.packet, OPTION.serverIdentifier)],
] as const;
socket.send(message(MESSAGE.request, 0, chosen), 67, BROADCAST);
const ack = await reply('ACK', (packet, port) => is(MESSAGE.ack)(packet) && port === 67);
execFileSync('ip', ['address', 'add', `${formatIpv4(yiaddr)}/24`, 'dev', 'eth0']);
socket.send(message(MESSAGE.request, yiaddr, []), 4011, formatIpv4(proxy.packet.siaddr));
const bootServer = await reply(
  'reply of the boot server',
  (packet, port) => is(MESSAGE.ack)(packet) && port === 4011,
);
socket.close();
const hex = ({ bytes }: { readonly bytes: Buffer }) => bytes.toString('hex');
console.log(
  JSON.stringify({ offer: hex(offer), proxy: hex(proxy), ack: hex(ack), bootServer: hex(bootServer) }),
);
