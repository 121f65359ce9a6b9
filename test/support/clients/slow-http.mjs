// Opens connections from one address and is slow on them: `sends` a request one byte at a time, or `reads` the answer to a
// whole one so. Prints "open N closed N" once a second, until it is ended.
import { connect } from 'node:net';

const [server, path, localAddress, count, how] = process.argv.slice(2);
const PAUSE = 100;
const request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${server}\r\nx-slow: ${'x'.repeat(4000)}\r\n\r\n`);
let open = 0;
let closed = 0;

for (let number = 0; number < Number(count); number += 1) {
  const socket = connect({ host: server, port: 80, localAddress });
  let sent = 0;
  const turn = setInterval(() => {
    if (how === 'reads') socket.read(1);
    else if (socket.writable) socket.write(request.subarray(sent, ++sent));
  }, PAUSE);
  socket.once('connect', () => {
    open += 1;
    if (how === 'reads') socket.write(request);
    else socket.resume();
  });
  // Refused ones are cut off in whatever way.
  socket.on('error', () => {});
  socket.once('close', () => {
    clearInterval(turn);
    closed += 1;
  });
}
setInterval(() => process.stdout.write(`open ${open} closed ${closed}\n`), 1000);
