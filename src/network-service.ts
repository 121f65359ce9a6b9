import type { Logger } from 'pino';
import type { FirmwareFolder } from './boot/firmware-folder.ts';
import { type BootAccess, type HttpsService, openHttps } from './boot-access.ts';
import type { BootTracker } from './boot-tracker.ts';
import { answerClient, HELD_LEASE } from './client-answer.ts';
import type { Config, ConfigSource, Network } from './config/config.ts';
import { AddressCheck } from './dhcp/address-check.ts';
import type { Leases } from './dhcp/links.ts';
import type { DhcpPresence } from './dhcp/other-servers.ts';
import { DhcpServer } from './dhcp/server.ts';
import { dhcpNetwork } from './dhcp-network.ts';
import { dhcpObserver } from './dhcp-observer.ts';
import type { ProvisioningContext } from './http/context.ts';
import type { FileCache } from './http/file-cache.ts';
import { listenForMachines } from './http/listen-machines.ts';
import { createProvisioningApp } from './http/provisioning.ts';
import { Turns } from './http/turns.ts';
import type { Joiner } from './kubernetes/joiner.ts';
import { logHttp, logTftp } from './log-events.ts';
import { createMachineAddresses } from './machine-addresses.ts';
import { createMachineDocuments } from './machine-documents.ts';
import type { Identifier } from './machines/identifier.ts';
import type { MachineRegistry } from './machines/registry.ts';
import type { Metrics } from './metrics/registry.ts';
import { createAddressProbe } from './net/address-probe.ts';
import { type HandedSockets, rawSource } from './net/handed-sockets.ts';
import { requireInterface } from './net/interface.ts';
import { DeviceTies } from './net/interface-watch.ts';
import { formatIpv4, parseIpv4 } from './net/ipv4.ts';
import type { Mac } from './net/mac.ts';
import { neighbourAt } from './net/neighbours.ts';
import { openRouterAdvertiser } from './net/router-advertiser.ts';
import { findInherited, type InheritedSocket } from './net/systemd.ts';
import { openBroadcastSockets } from './net/udp.ts';
import { watchNetwork } from './network-watch.ts';
import { openProxy } from './proxy-service.ts';
import type { Store } from './store/store.ts';
import type { SyslogReceiver } from './syslog/receiver.ts';
import { openSyslog } from './syslog-service.ts';
import { largestBlksize } from './tftp/options.ts';
import { createTftpServer } from './tftp/server.ts';
import { createTftpFiles } from './tftp-files.ts';
import type { TroubleReport } from './troubles.ts';

/** What the servers of all networks share. */
export interface SharedParts {
  readonly config: ConfigSource;
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly identifier: Identifier;
  /** What machines need to join the cluster; undefined when there is none. */
  readonly joiner: Joiner | undefined;
  readonly firmware: FirmwareFolder;
  /** Who gets documents and keys. */
  readonly access: BootAccess;
  readonly cache: FileCache;
  /** Reads a file of an image before it is first sent. */
  readonly checkFile: ProvisioningContext['checkFile'];
  /** The SHA-256 of a file below assets/, hexadecimal. */
  readonly sha256Of: (path: string) => Promise<string>;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly troubles: TroubleReport;
  readonly inherited: readonly InheritedSocket[];
  /** Raw sockets that somebody with the right to open them did. */
  readonly handed: HandedSockets;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** False while the service starts. */
  readonly ready: () => boolean;
}

/** The DHCP, TFTP and HTTP servers of one network. */
export interface NetworkService {
  readonly name: string;
  readonly leases: Leases;
  readonly dhcp: DhcpPresence;
  /** TFTP requests being served now. */
  readonly transfers: number;
  /** Downloads of large files that wait for their turn. */
  readonly waiting: number;
  /** Begins to answer DHCP and TFTP; HTTP answers since it was opened. */
  start(): Promise<void>;
  /** Takes over a changed configuration of the same network. */
  reconfigure(config: Config): void;
  /** The clock was set; `move` gives the new end of what was to end at a moment. */
  clockSet(move: (end: number) => number): void;
  stop(): Promise<void>;
}

const DHCP_PORT = 67;
const TFTP_PORT = 69;
/** Room for some ten thousand requests that arrive at once. */
const DHCP_RECEIVE_BUFFER = 16 * 1024 * 1024;

/**
 * Opens all sockets of one network, so that whatever is wrong shows before anything is served.
 * Throws an Error that says what to do about it.
 */
export async function openNetwork(
  name: string,
  shared: SharedParts,
  tracker: BootTracker,
): Promise<NetworkService> {
  const { config, store, registry, identifier, firmware, cache, metrics, logger, ready, now } = shared;
  const network = networkNamed(config(), name);
  const facts = await requireInterface(network.interface, network.address, network.subnet.prefix);
  const ties = new DeviceTies(network.interface);
  const sockets = await openBroadcastSockets({
    interface: network.interface,
    onTied: ties.add,
    address: network.address,
    port: DHCP_PORT,
    receiveBuffer: DHCP_RECEIVE_BUFFER,
    inherited: shared.inherited,
  });

  const rawSockets = rawSource(shared.handed, network.interface);
  const advertiser = openRouterAdvertiser({
    interface: network.interface,
    sockets: rawSockets,
    onTied: ties.add,
    onUnable: (reason) =>
      logger.info(
        { network: name, reason },
        `iPXE will wait some 15 s for an IPv6 router at each boot on ${name}, as none can be ruled out: ${reason}`,
      ),
  });
  const onEvent = dhcpObserver(metrics, tracker, advertiser, logger);
  const proxy = await openProxy({
    network: () => networkNamed(config(), name),
    mac: facts.mac,
    shared,
    onTied: ties.add,
    observe: onEvent,
  }).catch((error: unknown) => {
    for (const socket of [sockets.broadcast, sockets.unicast]) socket.close();
    advertiser.stop();
    throw error;
  });
  const probe = createAddressProbe({
    interface: network.interface,
    address: network.address,
    sockets: rawSockets,
    onUnable: (reason) =>
      logger.info(
        { network: name, reason },
        `addresses are given without a look whether they are in use: ${reason}`,
      ),
  });
  const dhcp = new DhcpServer({
    network: dhcpNetwork(network, config()),
    proxy,
    sockets,
    backend: { answer: (client) => answerClient(client, networkNamed(config(), name), shared) },
    check: new AddressCheck(probe),
    leases: store.leases(),
    store,
    observe: onEvent,
    now,
  });
  const addresses = createMachineAddresses({
    network: name,
    subnet: network.subnet,
    registry,
    leaseOf: (mac) => dhcp.leases.leaseOf(mac),
    holder: (address, now) => dhcp.leases.holder(address, now),
    isProxy: () => proxy.isActive,
    neighbour: (address) => neighbourAt(network.interface, address),
    now,
  });

  /** iPXE doesn't renew its lease, neither while the machine waits for approval nor while it boots afterwards. */
  const prolong = (mac: Mac, from: string, isHeld: boolean) => {
    const { lease } = networkNamed(config(), name).dhcp;
    // It holds even if it can't be written down now, which the store says once for all.
    dhcp.prolong(mac, from, isHeld ? Math.min(HELD_LEASE, lease) : lease).catch(() => {});
  };
  const provisioning = {
    network,
    config,
    identify: identifier.admit,
    cache,
    checkFile: shared.checkFile,
    turns: new Turns(() => performance.now()),
    ...createMachineDocuments({
      config,
      registry,
      joiner: shared.joiner,
      addressOf: addresses.lastOf,
      bootCa: shared.access.bootCa,
      sha256Of: shared.sha256Of,
    }),
    ...shared.access,
    now,
    // iPXE never renews its lease, so an ended one counts until somebody else gets the address.
    leasedAddress: addresses.addressOf,
    addressesMove: () => proxy.isActive,
    machineAt: (from: string) => {
      addresses.learn(from);
      const address = parseIpv4(from);
      return address === undefined ? undefined : registry.at(address)?.mac;
    },
    findByUuid: (uuid: string) => registry.withUuid(uuid),
    onInventory: (mac: Mac, inventory: object) => void registry.see(mac, name, Date.now(), { inventory }),
    observe: (event: Parameters<typeof metrics.observeHttp>[0]) => {
      metrics.observeHttp(event);
      addresses.learn(event.address);
      tracker.http(event, Date.now());
      if (event.type === 'script') prolong(event.mac as Mac, event.address, event.answer === 'hold');
      logHttp(logger, event);
    },
  };

  const tftpDescriptor = findInherited(shared.inherited, 'udp', { ...network, port: TFTP_PORT });
  const tftp = createTftpServer({
    address: formatIpv4(network.address),
    port: TFTP_PORT,
    ...(tftpDescriptor !== undefined && { socket: tftpDescriptor }),
    maxBlksize: largestBlksize(facts.mtu, network.tftp.blksize),
    singlePort: network.tftp.singlePort,
    backend: createTftpFiles({
      context: provisioning,
      firmware,
      serialOf: (mac) => registry.get(mac)?.inventory.serial,
    }),
    observe: (event) => {
      metrics.observeTftp(event);
      if ('client' in event) addresses.learn(event.client.address);
      tracker.tftp(event, Date.now());
      logTftp(logger, event);
    },
  });

  const app = createProvisioningApp({ ...provisioning, ready, logger });
  let syslog: SyslogReceiver | undefined;
  let https: HttpsService | undefined;
  try {
    syslog = network.syslog.enabled
      ? await openSyslog(network, shared, addresses, tracker, ties.add)
      : undefined;
    https = await openHttps(network, shared.access, { ...provisioning, ready, logger }, (own) =>
      listenForMachines(own, 'https', network, shared.inherited),
    );
    await listenForMachines(app, 'http', network, shared.inherited);
  } catch (error) {
    syslog?.stop();
    await https?.stop();
    dhcp.stop();
    probe.stop();
    advertiser.stop();
    throw error;
  }

  const stopWatching = watchNetwork(network, facts.mtu, shared.troubles, {
    onReplaced() {
      ties.renew();
      probe.reset();
    },
    onBack: probe.reset,
    onMtu(mtu) {
      tftp.limitBlksize(largestBlksize(mtu, network.tftp.blksize));
      logger.info({ network: name, mtu }, `the MTU of ${network.interface} is ${mtu} bytes now`);
    },
  });

  return {
    name,
    leases: dhcp.leases,
    get transfers() {
      return tftp.transfers;
    },
    get waiting() {
      return provisioning.turns.waiting;
    },
    get dhcp(): DhcpPresence {
      const { isActive, otherServer } = proxy;
      return {
        role: isActive ? 'proxy' : 'authoritative',
        ...(otherServer !== undefined && { otherServer }),
      };
    },
    async start() {
      await tftp.start();
      dhcp.start();
    },
    clockSet(move) {
      dhcp.moveEnds(move);
      void https.renew();
    },
    reconfigure: (next) => dhcp.reconfigure(dhcpNetwork(networkNamed(next, name), next)),
    async stop() {
      stopWatching();
      syslog?.stop();
      dhcp.stop();
      probe.stop();
      advertiser.stop();
      await tftp.stop();
      await app.close();
      await https.stop();
    },
  };
}

function networkNamed(config: Config, name: string): Network {
  const network = config.networks.find((candidate) => candidate.name === name);
  if (!network) throw new Error(`network ${name} is not in the configuration`);
  return network;
}
