// Asks for a file by TFTP from many ports of each of some addresses, with options or without, and never says anything more.
// Prints how many requests it sent, and goes on listening.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const [server, file, each, ...addresses] = process.argv.slice(2);
const rrq = (...words) => Buffer.concat([Buffer.of(0, 1), Buffer.from(`${words.join('\0')}\0`)]);
const requests = [
  rrq(file, 'octet'),
  rrq(file, 'octet', 'blksize', '1468', 'tsize', '0', 'windowsize', '16'),
];
let sent = 0;

for (const address of addresses) {
  for (let number = 0; number < Number(each); number += 1) {
    const socket = createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    socket.send(requests[sent % 2], 69, server);
    sent += 1;
  }
}
process.stdout.write(`sent ${sent}\n`);
