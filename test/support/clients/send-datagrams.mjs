// Sends each of the texts (JSON, in one list) on standard input as a UDP datagram to an address and port.
import { createSocket } from 'node:dgram';
import { text } from 'node:stream/consumers';

const [address, port] = process.argv.slice(2);
const socket = createSocket('udp4');
for (const datagram of JSON.parse(await text(process.stdin))) {
  await new Promise((resolve, reject) => {
    socket.send(datagram, Number(port), address, (error) => (error ? reject(error) : resolve()));
  });
}
socket.close();
