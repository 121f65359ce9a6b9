import type { ApiClient } from '../api-client/client.ts';
import type { Config, Network } from '../config/config.ts';
import { portHolders, unixHolders } from '../net/holder.ts';
import { checkCluster } from './cluster.ts';
import { checkImages, checkLoaders } from './files.ts';
import { type Finding, ok, warn } from './finding.ts';
import { checkFirewall, readFirewall } from './firewall.ts';
import { checkMemory, checkSpace, checkYear } from './host.ts';
import { checkInterface } from './interface.ts';
import { checkMirror, checkPreloads, mirrorPorts } from './mirror.ts';
import { checkOtherServers, notAsked } from './other-servers.ts';
import { checkPorts } from './ports.ts';
import { checkServing } from './serving.ts';
import { readWaitingSockets } from './socket-units.ts';

/**
 * Looks at everything that keeps machines from booting, and gives what it finds one after the other. It takes no address and
 * changes nothing, and works whether or not the service runs.
 */
export async function* examine(config: Config, client: ApiClient): AsyncGenerator<Finding> {
  const runs = await client.isReady();
  yield runs
    ? ok('service', `it runs, at ${client.place}`)
    : warn(
        'service',
        `nothing is ready at ${client.place}`,
        'start it: what it serves is only looked at then',
      );
  const service = runs ? servicePid(config) : undefined;
  const waiting = runs ? [] : await readWaitingSockets();
  const firewall = await readFirewall();
  for (const network of config.networks) {
    const found = await checkInterface(network);
    yield found;
    yield* checkFirewall(firewall, network, mirrorPorts(config.mirror, network));
    // Without the interface nothing can be opened on it or heard from it.
    if (found.level === 'fail') continue;
    yield* await checkPorts(network, service, waiting);
    const isWaiting = waiting.some(({ device }) => device === network.interface);
    yield isWaiting ? notAsked(network) : await checkOtherServers(network);
  }
  yield* checkLoaders(config);
  yield* await checkImages(config);
  yield* await checkPreloads(config);
  if (runs) yield* servedOn(config, config.networks);
  yield* await checkMirror(config, runs);
  yield checkYear(Date.now());
  yield* await checkCluster(config, Date.now);
  yield await checkSpace(config);
  yield checkMemory(config);
}

async function* servedOn(config: Config, networks: readonly Network[]): AsyncGenerator<Finding> {
  for (const network of networks) yield* await checkServing(network, config);
}

/** The process that answers at the admin address; 0 when it can't be seen. */
function servicePid({ admin: { local } }: Config): number {
  const [holder] = 'path' in local ? unixHolders(local.path) : portHolders('tcp', local.port);
  return holder?.pid ?? 0;
}
