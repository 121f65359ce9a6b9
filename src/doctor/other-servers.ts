import { randomInt } from 'node:crypto';
import type { Network } from '../config/config.ts';
import { probeDiscover, readOverheard } from '../dhcp/overheard.ts';
import { decodePacket } from '../dhcp/packet.ts';
import { readInterface } from '../net/interface.ts';
import { formatIpv4, type Ipv4, LIMITED_BROADCAST } from '../net/ipv4.ts';
import { openSharedSocket } from '../net/udp.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const BUFFER = 1024 * 1024;
/** When the DISCOVER is sent, and how long answers are waited for, milliseconds: a server that pings an address first takes 3 s. */
const SEND_AT = [0, 1_000];
const LISTEN = 4_000;

/** Nobody is asked where systemd waits for the service: it would hear the question too, and start it. */
export function notAsked(network: Network): Finding {
  return warn(
    subjectOf(network),
    'not looked for: the question would start the service',
    'start it, then run this again',
  );
}

/** Which DHCP servers answer on a network besides us, found with a DISCOVER: no address is taken. */
export async function checkOtherServers(network: Network): Promise<Finding> {
  const subject = subjectOf(network);
  let servers: ReadonlySet<Ipv4>;
  try {
    servers = await discover(network);
  } catch (error) {
    return warn(subject, `could not be looked for: ${(error as Error).message}`, 'run this as root');
  }
  const list = [...servers].map(formatIpv4).join(', ');
  if (network.dhcp.mode === 'authoritative') {
    if (servers.size === 0) return ok(subject, 'nobody else gives addresses');
    const advice = 'stop that server, or leave the addresses to it: networks[].dhcp.mode: proxy';
    return fail(subject, `${list} gives addresses as well: a machine takes either's`, advice);
  }
  if (servers.size > 0) return ok(subject, `${list} gives the addresses; we tell what to boot`);
  if (network.dhcp.mode === 'auto') return ok(subject, 'nobody else gives addresses, so we do');
  const advice =
    'start the DHCP server of this network, or let rackseed be it: networks[].dhcp.mode: authoritative';
  return fail(subject, 'nobody gives addresses, and we are to be a proxy only (dhcp.mode: proxy)', advice);
}

function subjectOf(network: Network): string {
  return `DHCP servers on ${network.interface}`;
}

/** Broadcasts DISCOVERs with the interface's own hardware address; gives the servers that offer an address, but for us. */
async function discover({ interface: name, address }: Network): Promise<ReadonlySet<Ipv4>> {
  const { mac } = await readInterface(name);
  if (!mac) throw new Error(`${name} has no hardware address`);
  const socket = await openSharedSocket({ interface: name, port: CLIENT_PORT, receiveBuffer: BUFFER });
  const found = new Set<Ipv4>();
  const xid = randomInt(2 ** 32);
  socket.on('message', (bytes) => {
    const packet = decodePacket(bytes);
    if (typeof packet === 'string' || packet.xid !== xid) return;
    const server = readOverheard(packet, address)?.server;
    if (server !== undefined) found.add(server);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      const send = () =>
        socket.send(probeDiscover(mac, xid), SERVER_PORT, formatIpv4(LIMITED_BROADCAST), (error) => {
          if (error) reject(error);
        });
      for (const delay of SEND_AT) setTimeout(send, delay);
      setTimeout(resolve, LISTEN);
    });
  } finally {
    socket.close();
  }
  return found;
}
