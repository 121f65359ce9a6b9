import { createServer } from 'node:http';
import { join } from 'node:path';
import { createJoiner } from '../../src/kubernetes/joiner.ts';
import { renderDocument } from '../../src/provision/document.ts';
import type { JoinMaterial } from '../../src/provision/join.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { watchDelays } from './delays.ts';
import { createMachineServer } from './machine-server.ts';
import { AT_ONCE, ORDER_PORT, type Order, type Rendered } from './order.ts';
import { buildRack, clusterOf, machineOf, requestOf } from './rack.ts';

// Writes the documents of a rack of machines, as often as it is asked to, and serves them to machines: renderer.ts FOLDER ADDRESS

const [scratch = '', address = ''] = process.argv.slice(2);
const rack = await buildRack(join(scratch, 'config'));
const store = openLmdbStore(join(scratch, 'store'), (error) => {
  throw error;
});

/** Gives each machine what it joins the cluster with: a new certificate, or the same one as all others. */
async function joinerFor(
  certificates: Order['certificates'],
): Promise<(hostname: string, mac: string) => Promise<JoinMaterial>> {
  const cluster = clusterOf(rack, certificates === 'one' ? 'ecdsa' : certificates);
  const { join: issue } = createJoiner(cluster, { addresses: () => undefined, observe: () => {} });
  if (certificates !== 'one') return issue;
  const one = await issue('worker-0', '52:54:00:00:00:00');
  return async () => one;
}

/** Writes the documents that were asked for, and watches what DHCP would notice of it. */
async function render({ format, certificates, machines }: Order): Promise<Rendered> {
  const joinFor = await joinerFor(certificates);
  const profile = rack.profile(format);
  const request = requestOf(format);
  const waiting = Array.from({ length: machines }, (_, index) => machineOf(rack, format, index));
  const documents = new Set<string>();
  const serve = async () => {
    for (let variables = waiting.pop(); variables; variables = waiting.pop()) {
      // Requests come in with a turn of the event loop, not one right after the other.
      await new Promise(setImmediate);
      const join = await joinFor(variables.machine.hostname, variables.machine.mac);
      documents.add(renderDocument(request, { profile, variables, join, adoptDisk: false }).text);
    }
  };
  const delays = watchDelays(store);
  const begun = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, serve));
  const seconds = (performance.now() - begun) / 1000;
  if (documents.size !== machines) throw new Error(`only ${documents.size} documents of ${machines} differ`);
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
