// Prints every UDP datagram that arrives at a port, a line each: hexadecimal digits. Says when it listens.
import { createSocket } from 'node:dgram';

const socket = createSocket('udp4');
socket.on('message', (bytes) => process.stdout.write(`${bytes.toString('hex')}\n`));
socket.bind(Number(process.argv[2]), () => process.stdout.write('listening\n'));
