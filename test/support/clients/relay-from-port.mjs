// Sends one packet (hexadecimal, the third argument) to port 67 of a server (the second) from a port of its own (the first),
// as a relay agent does that isn't on port 67, and prints the reply in hexadecimal. Without one it never ends.
import { createSocket } from 'node:dgram';

const [port, server, packet] = process.argv.slice(2);
const socket = createSocket('udp4');
socket.on('message', (bytes) => {
  process.stdout.write(`${bytes.toString('hex')}\n`);
  socket.close();
});
socket.bind(Number(port), () => socket.send(Buffer.from(packet, 'hex'), 67, server));
