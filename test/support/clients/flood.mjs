// Sends DHCPDISCOVERs of network cards' firmware, each from a hardware address and a uuid that were never sent before, as a
// relay agent at `giaddr` does: so many a second, until it is ended.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const [server, giaddr, rate] = process.argv.slice(2);
const TURN = 10;

const option = (code, value) => Buffer.from([code, value.length, ...value]);
const FIXED = [
  option(53, [1]),
  option(60, Buffer.from('PXEClient:Arch:00007:UNDI:003016')),
  option(93, [0, 7]),
  option(82, option(1, Buffer.from('Ethernet1/1'))),
];

function discover(number) {
  const header = Buffer.alloc(240);
  header.set([1, 1, 6, 1]);
  header.writeUInt32BE(number, 4);
  header.set(giaddr.split('.').map(Number), 24);
  // 02: an address that its owner chose; the number makes it unique.
  header.writeUInt8(2, 28);
  header.set(randomBytes(1), 29);
  header.writeUInt32BE(number, 30);
  header.writeUInt32BE(0x63825363, 236);
  return Buffer.concat([header, ...FIXED, option(97, [0, ...randomBytes(16)]), Buffer.of(255)]);
}

const socket = createSocket('udp4');
socket.bind(67, giaddr);
await once(socket, 'listening');
let sent = 0;
const began = performance.now();
setInterval(() => {
  const due = ((performance.now() - began) * Number(rate)) / 1000;
  // After a pause, what was missed isn't sent at once.
  const most = sent + Math.ceil((4 * TURN * Number(rate)) / 1000);
  while (sent < Math.min(due, most)) {
    // A full send buffer is what the kernel drops, and no reason to stop.
    socket.send(discover(sent), 67, server, () => {});
    sent += 1;
  }
}, TURN);
