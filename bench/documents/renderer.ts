import { createServer } from 'node:http';
import { join } from 'node:path';
import { createJoiner, type Joiner } from '../../src/kubernetes/joiner.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { watchDelays } from './delays.ts';
import { createMachineServer } from './machine-server.ts';
import { AT_ONCE, ORDER_PORT, type Order, type Rendered } from './order.ts';
import { addressOf, buildRack, clusterOf, documentsOf, machineOf, requestOf } from './rack.ts';

// Writes the documents of a rack of machines, as often as it is asked to, and serves them to machines: renderer.ts FOLDER ADDRESS

const [scratch = '', address = ''] = process.argv.slice(2);
const rack = await buildRack(join(scratch, 'config'));
const store = openLmdbStore(join(scratch, 'store'), (error) => {
  throw error;
});

/** Gives each machine what it joins the cluster with: a new certificate, or the same one as all others. */
async function joinerFor(certificates: Order['certificates']): Promise<Joiner> {
  const cluster = clusterOf(rack, certificates === 'one' ? 'ecdsa' : certificates);
  const joiner = createJoiner(cluster, { addresses: () => undefined, observe: () => {} });
  if (certificates !== 'one') return joiner;
  const one = await joiner.join('worker-0', '52:54:00:00:00:00');
  return { ...joiner, join: async () => one };
}

/** Writes the documents that were asked for, and watches what DHCP would notice of it. */
async function render({ format, certificates, machines }: Order): Promise<Rendered> {
  const documents = documentsOf(rack, await joinerFor(certificates), (mac) => addressOf(rack, mac));
  const request = requestOf(format);
  let next = 0;
  const serve = async () => {
    while (next < machines) {
      const machine = machineOf(rack, format, next);
      next += 1;
      const { text } = await documents.renderDocument(machine, rack.network, request);
      // As it leaves. To keep all of them would measure how a heap of half a gigabyte is collected.
      const own = machine.mac.replaceAll(':', '-');
      if (!Buffer.from(text).includes(own)) throw new Error(`a document for ${own} does not name it`);
    }
  };
  const delays = watchDelays(store);
  const begun = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, serve));
  const seconds = (performance.now() - begun) / 1000;
  return { documentsPerSecond: machines / seconds, ...(await delays.end()) };
}

const server = createServer(async (request, response) => {
  const query = new URL(request.url ?? '/', 'http://renderer').searchParams;
  const order = { ...Object.fromEntries(query), machines: Number(query.get('machines')) } as Order;
  try {
    response.end(JSON.stringify(await render(order)));
  } catch (error) {
    response.writeHead(500).end((error as Error).message);
  }
});
const machineServer = createMachineServer(rack, store);
await machineServer.listen({ host: address, port: 80 });
server.listen(ORDER_PORT, address, () => process.stdout.write('ready\n'));
process.once('SIGTERM', async () => {
  server.close();
  await machineServer.close();
  await store.close();
  process.exit();
});
