// A web server on an address and port that takes webhooks' messages: prints each one's body, and answers 204.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const [address, port] = process.argv.slice(2);
const server = createServer(async (request, response) => {
  process.stdout.write(`${await text(request)}\n`);
  response.writeHead(204).end();
});
server.listen(Number(port), address, () => process.stdout.write('listening\n'));
