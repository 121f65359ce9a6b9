// Sends the packets on standard input (one a line, in hexadecimal) from port 68 to a server's port 67, by turns as a broadcast
// and to its address, and prints every reply in the same form. Ends when it gets a line "end" on standard input.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const server = process.argv[2];
const socket = createSocket('udp4');
socket.on('message', (bytes) => process.stdout.write(`${bytes.toString('hex')}\n`));
socket.bind(68);
await once(socket, 'listening');
socket.setBroadcast(true);
let sent = 0;
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  const address = sent % 2 === 0 ? '255.255.255.255' : server;
  await new Promise((resolve, reject) => {
    socket.send(Buffer.from(line, 'hex'), 67, address, (error) => (error ? reject(error) : resolve()));
  });
  sent += 1;
}
process.stderr.write(`sent ${sent}\n`);
setTimeout(() => process.exit(0), 500);
