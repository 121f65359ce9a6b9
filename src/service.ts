import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { ApiTokens } from './api-tokens/api-tokens.ts';
import { createAssetDigests } from './asset-digests.ts';
import { openFirmwareFolder } from './boot/firmware-folder.ts';
import { openBootAccess } from './boot-access.ts';
import { Clock, describeChange, shiftedEnd, wrongYear } from './clock.ts';
import { openCluster } from './cluster-service.ts';
import { isLoopback } from './config/admin.ts';
import type { Config } from './config/config.ts';
import { formatProblem } from './config/problem.ts';
import { watchConfig } from './config/watch.ts';
import { followAdminTls, readAdminTls } from './http/admin-tls.ts';
import { FileCache } from './http/file-cache.ts';
import { listenAdmin } from './http/listen-admin.ts';
import { Pulls } from './images/pulls.ts';
import { createServedCheck } from './images/served-check.ts';
import { logNotify } from './log-events.ts';
import { createHttpGauge } from './metrics/http.ts';
import { createMirrorMetrics } from './metrics/mirror.ts';
import { createMetrics } from './metrics/registry.ts';
import { createRoleMetrics } from './metrics/roles.ts';
import { createTftpGauge } from './metrics/tftp.ts';
import { createTroubleMetric } from './metrics/troubles.ts';
import { isMirrorTrouble, openMirrors } from './mirror-service.ts';
import { inheritedFrom } from './net/systemd.ts';
import { type NetworkService, openNetwork, type SharedParts } from './network-service.ts';
import { Notifier } from './notify/notifier.ts';
import { openRack } from './rack-service.ts';
import { giveBackMemory } from './spare-memory.ts';
import { openLmdbStore } from './store/lmdb.ts';
import { Troubles } from './troubles.ts';
import { version } from './version.ts';

/** How often it is looked whether the clock was set, milliseconds. */
const CLOCK_INTERVAL = 1_000;
/** The subject of its trouble. */
const CLOCK = 'clock';

/** A running service. */
export interface Service {
  /** What it serves, in a line for people. */
  status(): string;
  /** Reads the configuration again, as if its files had changed. Resolves when it is in use or was refused. */
  reload(): Promise<void>;
  /** Stops the parts in reverse order and writes down what is left. */
  stop(): Promise<void>;
}

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
    const troubles = new Troubles(logger, (notice) => machines.journal.publish(notice));
    const store = openLmdbStore(config.store.directory, (error) => troubles.begin('store', error.message), {
      onWorking: (detail) => troubles.end('store', detail),
    });
    cleanup.push(() => store.close());

    const machines = openRack({
      config: () => config,
      store,
      logger,
      isLoader: (file) => firmware.has(file),
    });
    cleanup.push(() => machines.stop());
    const { registry, identifier } = machines;

    const trackers = new Map(config.networks.map(({ name }) => [name, machines.tracker(name)]));
    const cluster =
      config.kubernetes &&
      openCluster(config.kubernetes, {
        config: () => config,
        registry,
        identifier,
        mainCard: (mac) => machines.rack.machine(mac)?.mac ?? mac,
        logger,
        onNode: (mac, stage) => trackers.get(registry.get(mac)?.network ?? '')?.node(mac, stage, Date.now()),
      });
    cleanup.push(() => cluster?.stop());

    const metrics = createMetrics();
    createTroubleMetric(metrics.registry, () => troubles.current.keys());
    const notifier = new Notifier({
      webhooks: config.webhooks,
      journal: machines.journal,
      machine: (mac) => machines.rack.machine(mac),
      positions: store.webhooks,
      observe: (event) => {
        metrics.observeWebhooks(event);
        logNotify(logger, event);
      },
    });
    cleanup.push(() => notifier.stop());

    const access = await openBootAccess(() => config, store);
    const networks: NetworkService[] = [];
    const clock = new Clock(
      () => ({ wall: Date.now(), steady: performance.now() }),
      (change) => {
        const move = (end: number) => shiftedEnd(end, change);
        for (const network of networks) network.clockSet(move);
        access.tokens.moveTimes(move);
        machines.clockSet(change.by);
        const detail = `${describeChange(change)}; leases and boot tokens last as long as they would have`;
        logger.warn(detail);
        machines.journal.publish({ type: 'notice', severity: 'warning', detail });
      },
    );
    const tick = () => {
      const wrong = wrongYear(clock.now());
      if (wrong === undefined) troubles.end(CLOCK, "this host's clock has been set");
      else troubles.begin(CLOCK, wrong);
    };
    tick();
    const ticking = setInterval(tick, CLOCK_INTERVAL);
    cleanup.push(() => clearInterval(ticking));

    const inherited = inheritedFrom(process.env, process.pid);
    const shared: SharedParts = {
      config: () => config,
      store,
      registry,
      identifier,
      joiner: cluster?.joiner,
      firmware,
      access,
      cache: new FileCache(() => config.assets.memory),
      checkFile: createServedCheck(
        () => config.assets.directory,
        (detail) => {
          logger.error(detail);
          machines.journal.publish({ type: 'notice', severity: 'error', detail });
        },
      ),
      sha256Of: createAssetDigests(() => config.assets.directory),
      metrics,
      logger,
      troubles,
      inherited: inherited.sockets,
      handed: inherited.named,
      now: clock.now,
      ready: () => ready,
    };

    for (const [name, tracker] of trackers) {
      const network = await openNetwork(name, shared, tracker);
      cleanup.push(() => network.stop());
      networks.push(network);
    }
    const mirrors = await openMirrors({
      config: () => config,
      ca: () => access.ca(),
      bootCa: () => access.bootCa(),
      troubles,
      publish: (notice) => machines.journal.publish(notice),
      logger,
    });
    cleanup.push(() => mirrors.stop());
    createMirrorMetrics(metrics.registry, () => mirrors.mirrors);
    createRoleMetrics(metrics.registry, () => networks);
    createTftpGauge(metrics.registry, () => networks.reduce((sum, { transfers }) => sum + transfers, 0));
    createHttpGauge(metrics.registry, () => networks.reduce((sum, { waiting }) => sum + waiting, 0));

    const { listen, tls } = config.admin;
    if (!isLoopback(listen) && !tls) {
      logger.warn(
        'admin.listen is open to the network and admin.tls is not set: tokens cross it in the clear',
      );
    }
    const certified = tls && { files: tls, inUse: await readAdminTls(tls) };

    for (const network of networks) await network.start();
    ready = true;

    // Machines wait for an address; what people look at is loaded after that.
    const pulls = new Pulls({
      config: () => config,
      onEnd: ({ wanted, image = wanted, problem }) => {
        const detail = problem === undefined ? `${image} is here` : `${wanted} was not pulled: ${problem}`;
        const severity = problem === undefined ? 'info' : 'error';
        logger[severity](detail);
        machines.journal.publish({ type: 'notice', severity, detail });
      },
    });
    cleanup.push(() => pulls.close());
    const { createAdminApp } = await import('./http/admin/app.ts');
    const admin = await createAdminApp({
      rack: machines.rack,
      journal: machines.journal,
      config: () => config,
      networks: () => networks,
      pulls,
      tokens: new ApiTokens(store, (error) => logger.error({ err: error }, 'writing to the store failed')),
      ready: () => ready,
      // Machines boot with a clock that is wrong, as far as they need no certificates, and without mirrors.
      troubles: () =>
        [...troubles.current.keys()].filter((subject) => subject !== CLOCK && !isMirrorTrouble(subject)),
      metrics: metrics.registry,
      logger,
      version,
      ui: fileURLToPath(new URL('../dist/web/', import.meta.url)),
      ...(certified && { tls: certified.inUse }),
    });
    cleanup.push(() => admin.close());
    if (certified) {
      followAdminTls(admin, certified.files, certified.inUse, {
        onRenewed: () => logger.info('admin.tls: a renewed certificate is in use'),
        onError: ({ message }) => logger.error(message),
      });
    }
    const adminAddress = await listenAdmin(admin, config.admin);

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
        machines.lookAtAll();
        notifier.reconfigure(next.webhooks);
        void mirrors.reconfigure();
        logger.info('the configuration changed and is in use');
      },
      onProblems: (problems) => {
        for (const problem of problems) logger.error(formatProblem(problem, config.directory));
        logger.error("the configuration changed but can't be used; the last good one stays in force");
      },
    });
    cleanup.push(() => watch.stop());

    machines.lookAtAll();
    cleanup.push(giveBackMemory(() => store.unmapPages()));
    const status = () => `${describe(config)}, admin on ${adminAddress}`;
    logger.info(`ready: ${status()}`);
    return { status, reload: () => watch.reload(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Names the first setting that sockets or files were opened for and that is different now. */
function whatNeedsRestart(before: Config, after: Config): string | undefined {
  const sockets = ({ networks }: Config) =>
    networks.map(({ name, interface: device, address, subnet, dhcp, http, https, tftp, syslog }) => ({
      name,
      device,
      address,
      subnet,
      mode: dhcp.mode,
      http,
      https,
      tftp,
      syslog,
    }));
  const differs = (part: (config: Config) => unknown) =>
    JSON.stringify(part(before)) !== JSON.stringify(part(after));
  if (differs(sockets)) return 'the names, interfaces, addresses, ports, DHCP modes or syslog of networks';
  if (differs((config) => config.admin)) return 'the admin section';
  if (differs((config) => config.store)) return 'store.lmdb';
  if (differs((config) => config.firmware)) return 'firmware.directory';
  if (differs((config) => config.kubernetes)) return 'kubernetes';
  return undefined;
}

function describe({ networks, machines }: Config): string {
  const places = networks.map(({ name, interface: device }) => `${name} on ${device}`);
  return `${places.join(', ')}, ${machines.size} machines known`;
}
