import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';

// A link for TFTP that takes its time: slow-link.ts ADDRESS SERVER MILLISECONDS
// Whoever asks ADDRESS is answered by SERVER, with every packet on its way for so long, in each direction.

const [address = '', server = '', milliseconds = '0'] = process.argv.slice(2);
const delay = Number(milliseconds);
/** A transfer that was silent for so long has ended, milliseconds. */
const IDLE = 20_000;

/** Carries one transfer: `far` speaks to the server, `near` to the client, each on a port of its own (RFC 1350 §4). */
function carry(client: RemoteInfo, request: Buffer): void {
  const far = createSocket('udp4');
  const near = createSocket('udp4');
  let port = 69;
  const close = () => {
    far.close();
    near.close();
  };
  const idle = setTimeout(close, IDLE);
  const pass = (socket: Socket, bytes: Buffer, to: () => number, host: string) => {
    idle.refresh();
    setTimeout(() => socket.send(bytes, to(), host), delay);
  };
  far.on('message', (bytes, from) => {
    port = from.port;
    pass(near, bytes, () => client.port, client.address);
  });
  near.on('message', (bytes) => pass(far, bytes, () => port, server));
  for (const socket of [far, near]) socket.on('error', close);
  near.bind(0, address, () => far.bind(0, address, () => pass(far, request, () => port, server)));
}

createSocket('udp4')
  .on('message', (request, client) => carry(client, request))
  .bind(69, address, () => process.stdout.write('ready\n'));
