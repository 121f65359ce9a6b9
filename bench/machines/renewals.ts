import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { DhcpOutcome } from '../clients/perfdhcp.ts';
import { ACK, addressBytes, encodeQuestion, hardwareAddress, REQUEST } from './dhcp-message.ts';
import { leaseAddress } from './exchange.ts';
import { openRelayAgent } from './relay-agent.ts';

// Machines that have their addresses and renew them: renewals.ts SOCKET GIADDR SERVER MACHINES
// Asked on a unix socket: `GET /?rate=1000&seconds=2` gives a DhcpOutcome.

const [socket = '', relay = '', server = '', machines = '0'] = process.argv.slice(2);
/** Addresses leased at the same time. */
const AT_ONCE = 50;
const WAITS = [1000, 2000, 4000, 8000];
/** How long answers are waited for after the last request, milliseconds. */
const LAST_ANSWERS = 500;

const agent = await openRelayAgent(relay, server);
const giaddr = addressBytes(relay);
const leased = new Map<number, Uint8Array>();
const waiting = Array.from({ length: Number(machines) }, (_, index) => index);
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      const client = { chaddr: hardwareAddress(index), giaddr, options: [], waits: WAITS };
      leased.set(index, (await leaseAddress(agent, client, index + 1)).ack.yiaddr);
    }
  }),
);
const requests = Array.from(leased, ([index, ciaddr]) =>
  encodeQuestion({ type: REQUEST, xid: 0, chaddr: hardwareAddress(index), ciaddr, giaddr }),
);

let xid = requests.length;
/** Renews addresses in turn (RFC 2131 §4.3.2, RENEWING) at a steady rate. */
async function renew(rate: number, seconds: number): Promise<DhcpOutcome> {
  const first = xid + 1;
  let begun = 0;
  let completed = 0;
  const count = ({ type }: { readonly type: number }) => {
    if (type === ACK) completed += 1;
  };
  const started = performance.now();
  for (let now = started; now < started + seconds * 1000; now = performance.now()) {
    for (const due = ((now - started) / 1000) * rate; begun < due; begun += 1) {
      const request = requests[begun % requests.length] as Buffer;
      xid += 1;
      request.writeUInt32BE(xid, 4);
      agent.listen(xid, count);
      // The socket may hold on to the message until it is sent.
      agent.send(Buffer.from(request));
    }
    await pause(1);
  }
  await pause(LAST_ANSWERS);
  for (let old = first; old <= xid; old += 1) agent.forget(old);
  return { begun, completed };
}

createServer(async (request, response) => {
  const query = new URL(request.url ?? '/', 'http://renewals').searchParams;
  response.end(JSON.stringify(await renew(Number(query.get('rate')), Number(query.get('seconds')))));
}).listen(socket, () => process.stdout.write('ready\n'));
