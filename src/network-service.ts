import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { answerBoot } from './boot/answer.ts';
import { isIpxe, recognise } from './boot/firmware.ts';
import type { FirmwareFolder } from './boot/firmware-folder.ts';
import { type AdmittedMachine, baseUrl } from './boot/plan.ts';
import type { Config, ConfigSource, Network } from './config/config.ts';
import type { DhcpClient } from './dhcp/client.ts';
import type { DhcpAnswer } from './dhcp/compose.ts';
import type { DhcpEvent } from './dhcp/events.ts';
import type { LeaseTable } from './dhcp/leases.ts';
import type { DhcpNetwork } from './dhcp/network.ts';
import { DhcpServer } from './dhcp/server.ts';
import type { FileCache } from './http/file-cache.ts';
import { machineScriptFor } from './http/machine-routes.ts';
import { createProvisioningApp } from './http/provisioning.ts';
import { Refusal } from './http/refusal.ts';
import type { Joiner } from './kubernetes/joiner.ts';
import { logDhcp, logHttp, logTftp } from './log-events.ts';
import type { Identifier } from './machines/identifier.ts';
import type { MachineRegistry } from './machines/registry.ts';
import type { BootTracker } from './machines/tracker.ts';
import type { Metrics } from './metrics/registry.ts';
import { requireInterface } from './net/interface.ts';
import { contains, formatIpv4 } from './net/ipv4.ts';
import { type Mac, parseMac } from './net/mac.ts';
import { openRouterAdvertiser, type RouterAdvertiser } from './net/router-advertiser.ts';
import { findInherited, type InheritedSocket } from './net/systemd.ts';
import { openTcpListener } from './net/tcp.ts';
import { openBroadcastSockets } from './net/udp.ts';
import { fillArgs } from './provision/cloud-config.ts';
import { type DocumentRequest, needsJoin, renderDocument } from './provision/document.ts';
import type { JoinMaterial } from './provision/join.ts';
import { buildVariables } from './provision/variables.ts';
import type { Store } from './store/store.ts';
import { createTftpServer } from './tftp/server.ts';

/** What the servers of all networks share. */
export interface SharedParts {
  readonly config: ConfigSource;
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly identifier: Identifier;
  /** What machines need to join the cluster; undefined when there is none. */
  readonly joiner: Joiner | undefined;
  readonly firmware: FirmwareFolder;
  readonly cache: FileCache;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly inherited: readonly InheritedSocket[];
  /** False while the service starts. */
  readonly ready: () => boolean;
}

/** The DHCP, TFTP and HTTP servers of one network. */
export interface NetworkService {
  readonly name: string;
  readonly leases: LeaseTable;
  /** Begins to answer DHCP and TFTP; HTTP answers since it was opened. */
  start(): Promise<void>;
  /** Takes over a changed configuration of the same network. */
  reconfigure(config: Config): void;
  stop(): Promise<void>;
}

const DHCP_PORT = 67;
const TFTP_PORT = 69;
/** Enough to fill 10 Gbit/s over a round trip of 0.2 ms, and small enough to stay in the processor's cache. */
const HTTP_SEND_BUFFER = 256 * 1024;
/** Room for some ten thousand requests that arrive at once. */
const DHCP_RECEIVE_BUFFER = 16 * 1024 * 1024;
/** IPv4 and UDP headers and TFTP's own: a larger block would be sent in fragments, which boot ROMs can't put together. */
const TFTP_HEADERS = 32;
const SCRIPT_NAME = /^([0-9a-f-]{17})\.ipxe$/i;

/**
 * Opens all sockets of one network, so that whatever is wrong shows before anything is served.
 * Throws an Error that says what to do about it.
 */
export async function openNetwork(
  name: string,
  shared: SharedParts,
  tracker: BootTracker,
): Promise<NetworkService> {
  const { config, store, registry, identifier, firmware, cache, metrics, logger, ready } = shared;
  const network = networkNamed(config(), name);
  const facts = await requireInterface(network.interface, network.address, network.subnet.prefix);
  const sockets = await openBroadcastSockets({
    interface: network.interface,
    address: network.address,
    port: DHCP_PORT,
    receiveBuffer: DHCP_RECEIVE_BUFFER,
    inherited: shared.inherited,
  });

  const advertiser = openRouterAdvertiser({
    interface: network.interface,
    onUnable: (reason) =>
      logger.info(
        { network: name, reason },
        `iPXE will wait some 15 s for an IPv6 router at each boot on ${name}, as none can be ruled out: ${reason}`,
      ),
  });
  const dhcp = new DhcpServer({
    network: dhcpNetwork(network, config()),
    sockets,
    backend: { answer: (client) => answerClient(client, networkNamed(config(), name), shared) },
    leases: [...store.leases()].filter((lease) => contains(network.subnet, lease.address)),
    store,
    observe: onDhcp(metrics, tracker, advertiser, logger),
  });

  const variables = (identity: AdmittedMachine) => {
    const seen = registry.get(identity.mac);
    return buildVariables({
      identity,
      network: networkNamed(config(), name),
      inventory: seen?.inventory ?? {},
      address: dhcp.leases.leaseOf(identity.mac)?.address,
    });
  };
  const provisioning = {
    network,
    config,
    identify: identifier.admit,
    cache,
    fillArgs: (machine: AdmittedMachine) => fillArgs(machine.profile, variables(machine)),
    async renderDocument(machine: AdmittedMachine, _: Network, request: DocumentRequest) {
      const { profile, entry } = machine;
      const join = needsJoin(profile, request) ? await joinFor(machine, shared) : undefined;
      return renderDocument(request, {
        profile,
        variables: variables(machine),
        adoptDisk: entry.adoptDisk,
        ...(join && { join }),
      });
    },
    leasedAddress(mac: Mac) {
      const lease = dhcp.leases.leaseOf(mac);
      return lease && lease.expires > Date.now() ? formatIpv4(lease.address) : undefined;
    },
    findByUuid(uuid: string) {
      for (const { mac, inventory } of registry.all()) {
        if (inventory.uuid?.toLowerCase() === uuid.toLowerCase()) return mac;
      }
      return undefined;
    },
    onInventory: (mac: Mac, inventory: object) => void registry.see(mac, name, Date.now(), { inventory }),
    observe: (event: Parameters<typeof metrics.observeHttp>[0]) => {
      metrics.observeHttp(event);
      tracker.http(event, Date.now());
      logHttp(logger, event);
    },
  };

  const tftpDescriptor = findInherited(shared.inherited, 'udp', network.address, TFTP_PORT);
  const tftp = createTftpServer({
    address: formatIpv4(network.address),
    port: TFTP_PORT,
    ...(tftpDescriptor !== undefined && { socket: tftpDescriptor }),
    maxBlksize: Math.min(network.tftp.blksize ?? facts.mtu, facts.mtu - TFTP_HEADERS),
    singlePort: network.tftp.singlePort,
    backend: {
      async find(file) {
        const mac = parseMac(SCRIPT_NAME.exec(file)?.[1] ?? '');
        if (!mac) return firmware.read(file);
        const answer = machineScriptFor(provisioning, mac, registry.get(mac)?.inventory.serial);
        return answer && Buffer.from(answer.script);
      },
    },
    observe: (event) => {
      metrics.observeTftp(event);
      tracker.tftp(event, Date.now());
      logTftp(logger, event);
    },
  });

  const app = createProvisioningApp({ ...provisioning, ready, logger });
  try {
    await listen(app, network, shared.inherited);
  } catch (error) {
    dhcp.stop();
    advertiser.stop();
    throw error;
  }

  return {
    name,
    leases: dhcp.leases,
    async start() {
      await tftp.start();
      dhcp.start();
    },
    reconfigure: (next) => dhcp.reconfigure(dhcpNetwork(networkNamed(next, name), next)),
    async stop() {
      dhcp.stop();
      advertiser.stop();
      await tftp.stop();
      await app.close();
    },
  };
}

function networkNamed(config: Config, name: string): Network {
  const network = config.networks.find((candidate) => candidate.name === name);
  if (!network) throw new Error(`network ${name} is not in the configuration`);
  return network;
}

/** What a machine joins its cluster with. Rejects with a Refusal that makes the machine ask again. */
async function joinFor(
  { mac, hostname }: AdmittedMachine,
  { joiner }: SharedParts,
): Promise<JoinMaterial | undefined> {
  try {
    return await joiner?.join(hostname, mac);
  } catch (error) {
    const reason = `${hostname} ${mac} can't be given its keys: ${(error as Error).message}`;
    throw new Refusal(503, 'the keys for this machine are not to be had now; try again', reason);
  }
}

/** The network in the DHCP server's own terms. */
function dhcpNetwork(network: Network, { machines }: Config): DhcpNetwork {
  const reservations = new Map<
    Mac,
    NonNullable<(typeof machines extends ReadonlyMap<Mac, infer M> ? M : never)['address']>
  >();
  for (const { mac, address } of machines.values()) {
    if (address !== undefined && contains(network.subnet, address)) reservations.set(mac, address);
  }
  const { ranges, ...settings } = network.dhcp;
  return { ...settings, address: network.address, subnet: network.subnet, plan: { ranges, reservations } };
}

/** What a machine gets besides an address; undefined when it is to be ignored. */
function answerClient(client: DhcpClient, network: Network, shared: SharedParts): DhcpAnswer | undefined {
  const { identifier } = shared;
  const booter = recognise(client);
  // A machine is numbered when it boots from the network; what else asks for an address isn't.
  const identity = booter ? identifier.admit(client.mac) : identifier.lookUp(client.mac);
  if (identity.admission === 'ignore') return undefined;
  const { hostname } = identity;
  if (!booter) return { hostname };
  const override = identity.admission === 'boot' ? identity.entry.loader : undefined;
  const boot = answerBoot(booter, client.vendorClass !== undefined, {
    server: network.address,
    baseUrl: baseUrl(network),
    isAvailable: (file) => shared.firmware.has(file),
    ...(override !== undefined && { override }),
  });
  if (typeof boot !== 'string') return { hostname, boot };
  shared.logger.warn({ mac: client.mac }, `${hostname} ${client.mac} can't be given a loader: ${boot}`);
  return { hostname };
}

function onDhcp(
  metrics: Metrics,
  tracker: BootTracker,
  advertiser: RouterAdvertiser,
  logger: Logger,
): (event: DhcpEvent) => void {
  return (event) => {
    metrics.observeDhcp(event);
    tracker.dhcp(event, Date.now());
    logDhcp(logger, event);
    if (event.type === 'answered' && event.reply === 'ACK' && isIpxe(event.client)) {
      advertiser.advertiseTo(event.client.mac);
    }
  };
}

async function listen(
  app: FastifyInstance,
  network: Network,
  inherited: readonly InheritedSocket[],
): Promise<void> {
  const { address } = network;
  const { port } = network.http;
  const fd =
    findInherited(inherited, 'tcp', address, port) ?? openTcpListener(address, port, HTTP_SEND_BUFFER);
  // Node listens on the descriptor; host and port are for the log.
  await app.listen({ host: formatIpv4(address), port, ...{ fd } });
}
