import type { Logger } from 'pino';
import { openFirmwareFolder } from './boot/firmware-folder.ts';
import { openCluster } from './cluster-service.ts';
import type { Config } from './config/config.ts';
import { formatProblem } from './config/problem.ts';
import { watchConfig } from './config/watch.ts';
import { createAdminApp } from './http/admin.ts';
import { FileCache } from './http/file-cache.ts';
import { listenAdmin } from './http/listen-admin.ts';
import { createIdentifier } from './machines/identifier.ts';
import { MachineIndexes } from './machines/indexes.ts';
import { MachineRegistry } from './machines/registry.ts';
import { BootTracker } from './machines/tracker.ts';
import { createMetrics } from './metrics/registry.ts';
import { inheritedSockets } from './net/systemd.ts';
import { type NetworkService, openNetwork, type SharedParts } from './network-service.ts';
import { openLmdbStore } from './store/lmdb.ts';

/** A running service. */
export interface Service {
  /** Stops the parts in reverse order and writes down what is left. */
  stop(): Promise<void>;
}

/** Machines without an entry in machines/ that are remembered. */
const MAX_UNKNOWN_MACHINES = 20_000;
/** How often what was learned about machines is written down, milliseconds. */
const SAVE_INTERVAL = 1_000;

/**
 * Builds all parts from a configuration and starts them. It goes on with a changed configuration as soon as the files in
 * its directory change. Throws an Error that says what to do when a part can't start; nothing is left running then.
 */
export async function startService(initial: Config, logger: Logger): Promise<Service> {
  let config = initial;
  let ready = false;
  const cleanup: (() => void | Promise<void>)[] = [];
  const stop = async () => {
    ready = false;
    for (const step of cleanup.splice(0).reverse()) await step();
  };

  try {
    const firmware = openFirmwareFolder(() => config.firmware.directory);
    firmware.refresh();
    const store = openLmdbStore(config.store.directory, (error) =>
      logger.error({ err: error }, 'writing to the store failed'),
    );
    cleanup.push(() => store.close());

    const indexes = new MachineIndexes({
      records: store.indexes(),
      onAssigned: (record) => store.saveIndex(record),
      onForgotten: (record) => store.removeIndex(record),
    });
    const registry = new MachineRegistry({
      machines: store.machines(),
      isKept: (mac) => config.machines.has(mac),
      capacity: MAX_UNKNOWN_MACHINES + config.machines.size,
      onForgotten: (mac) => {
        store.removeMachine(mac);
        indexes.forget(mac);
      },
    });
    const identifier = createIdentifier(() => config, registry, indexes);
    const save = () => {
      for (const machine of registry.takeChanged()) store.saveMachine(machine);
    };
    const saving = setInterval(save, SAVE_INTERVAL);
    cleanup.push(() => {
      clearInterval(saving);
      save();
    });

    const trackers = new Map(
      config.networks.map(({ name }) => {
        const tracker = new BootTracker(name, {
          registry,
          identify: identifier.lookUp,
          isLoader: (file) => firmware.has(file),
          onStage: ({ mac, hostname, stage, detail }) =>
            logger.info({ mac, stage }, `${hostname} ${mac} ${detail}`),
        });
        return [name, tracker];
      }),
    );
    const cluster =
      config.kubernetes &&
      openCluster(config.kubernetes, {
        config: () => config,
        registry,
        identifier,
        logger,
        onNode: (mac, stage) => trackers.get(registry.get(mac)?.network ?? '')?.node(mac, stage, Date.now()),
      });
    cleanup.push(() => cluster?.stop());

    const metrics = createMetrics();
    const shared: SharedParts = {
      config: () => config,
      store,
      registry,
      identifier,
      joiner: cluster?.joiner,
      firmware,
      cache: new FileCache(() => config.assets.memory),
      metrics,
      logger,
      inherited: inheritedSockets(process.env, process.pid),
      ready: () => ready,
    };

    const networks: NetworkService[] = [];
    for (const [name, tracker] of trackers) {
      const network = await openNetwork(name, shared, tracker);
      cleanup.push(() => network.stop());
      networks.push(network);
    }

    const admin = createAdminApp({
      ready: () => ready,
      identify: identifier.lookUp,
      machines: () => registry.all(),
      leases: () =>
        networks.flatMap(({ name, leases }) =>
          [...leases.leases()].map((lease) => ({ network: name, ...lease })),
        ),
      metrics: metrics.registry,
      logger,
    });
    cleanup.push(() => admin.close());
    const adminAddress = await listenAdmin(admin, config.admin.listen);

    const watch = watchConfig({
      directory: config.directory,
      onChange: (next) => {
        const fixed = whatNeedsRestart(config, next);
        if (fixed) {
          logger.error(
            `the configuration is good, but ${fixed} changed: restart rackseed; until then nothing of it is used`,
          );
          return;
        }
        config = next;
        for (const network of networks) network.reconfigure(next);
        logger.info('the configuration changed and is in use');
      },
      onProblems: (problems) => {
        for (const problem of problems) logger.error(formatProblem(problem, config.directory));
        logger.error("the configuration changed but can't be used; the last good one stays in force");
      },
    });
    cleanup.push(() => watch.stop());

    for (const network of networks) await network.start();
    ready = true;
    logger.info(`ready: ${describe(config)}, admin on ${adminAddress}`);
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Names the first setting that sockets or files were opened for and that is different now. */
function whatNeedsRestart(before: Config, after: Config): string | undefined {
  const sockets = ({ networks }: Config) =>
    networks.map(({ name, interface: device, address, subnet, http, tftp }) => ({
      name,
      device,
      address,
      subnet,
      http,
      tftp,
    }));
  const differs = (part: (config: Config) => unknown) =>
    JSON.stringify(part(before)) !== JSON.stringify(part(after));
  if (differs(sockets)) return 'the names, interfaces, addresses or ports of networks';
  if (differs((config) => config.admin)) return 'admin.listen';
  if (differs((config) => config.store)) return 'store.lmdb';
  if (differs((config) => config.firmware)) return 'firmware.directory';
  if (differs((config) => config.kubernetes)) return 'kubernetes';
  return undefined;
}

function describe({ networks, machines }: Config): string {
  const places = networks.map(({ name, interface: device }) => `${name} on ${device}`);
  return `${places.join(', ')}, ${machines.size} machines known`;
}
