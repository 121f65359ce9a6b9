import type { Network } from '../config/config.ts';
import { type Holder, portHolders } from '../net/holder.ts';
import { closeDescriptor } from '../net/libc.ts';
import { openTcpListener } from '../net/tcp.ts';
import { openBroadcastSockets, openUnicastSocket } from '../net/udp.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { WaitingSocket } from './socket-units.ts';

/** A port that a network is served on. */
export interface ServedPort {
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  /** What it is for: `DHCP`. */
  readonly service: string;
}

const DHCP_PORT = 67;
/** Bytes; the sockets are closed at once. */
const BUFFER = 4096;

/** The ports that the service listens on for a network. */
export function servedPorts({ http, https, syslog }: Network): readonly ServedPort[] {
  return [
    { protocol: 'udp', port: DHCP_PORT, service: 'DHCP' },
    { protocol: 'udp', port: 69, service: 'TFTP' },
    { protocol: 'udp', port: 4011, service: 'PXE boot server' },
    ...(syslog.enabled ? [{ protocol: 'udp', port: 514, service: 'syslog' } as const] : []),
    { protocol: 'tcp', port: http.port, service: 'HTTP' },
    { protocol: 'tcp', port: https.port, service: 'HTTPS' },
  ];
}

/**
 * Whether the ports of a network are held by the service that runs or, when none does, could be opened as it opens them.
 * `service` is the process that runs it, 0 when its number isn't known; undefined when none runs. `waiting` are the sockets
 * that systemd keeps for it.
 */
export async function checkPorts(
  network: Network,
  service: number | undefined,
  waiting: readonly WaitingSocket[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const port of servedPorts(network)) {
    findings.push(
      service === undefined
        ? await checkFree(network, port, waiting)
        : await checkHeld(network, port, service),
    );
  }
  return findings;
}

async function checkFree(
  network: Network,
  port: ServedPort,
  waiting: readonly WaitingSocket[],
): Promise<Finding> {
  const subject = subjectOf(port);
  const kept = waiting.find(
    (socket) =>
      socket.protocol === port.protocol && socket.port === port.port && socket.device === network.interface,
  );
  if (kept) return ok(subject, `kept for the service by systemd, ${kept.unit}`);
  const failure = await tryToOpen(network, port);
  return failure === undefined
    ? ok(subject, 'free')
    : fail(subject, failure, 'stop what listens there, or let it leave this interface alone');
}

async function checkHeld(network: Network, port: ServedPort, service: number): Promise<Finding> {
  const subject = subjectOf(port);
  const holders = portHolders(port.protocol, port.port);
  const own = holders.find(({ pid }) => pid === service);
  if (own) return ok(subject, `held by the service, ${describe(own)}`);
  if ((await tryToOpen(network, port)) === undefined) {
    const found = 'the service runs, but nobody listens here';
    return fail(subject, found, 'restart the service: it was started with another configuration');
  }
  if (holders.length > 0 && service !== 0) {
    const who = holders.map(describe).join(', ');
    return fail(subject, `held by ${who}, not by the service`, 'stop that program, then restart the service');
  }
  return warn(subject, 'taken, and only root sees by whom', 'run this as root to know');
}

/** Opens a port as the service does, and closes it; gives the reason when that fails. */
async function tryToOpen(network: Network, { protocol, port }: ServedPort): Promise<string | undefined> {
  const place = { interface: network.interface, address: network.address, port, receiveBuffer: BUFFER };
  try {
    if (protocol === 'tcp') {
      closeDescriptor(openTcpListener(network.address, port, BUFFER));
    } else if (port === DHCP_PORT) {
      const { broadcast, unicast } = await openBroadcastSockets(place);
      broadcast.close();
      unicast.close();
    } else {
      (await openUnicastSocket(place)).close();
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function subjectOf({ protocol, port, service }: ServedPort): string {
  return `port ${protocol.toUpperCase()} ${port} (${service})`;
}

function describe({ name, pid }: Holder): string {
  return `${name} (pid ${pid})`;
}
