import type { Socket } from 'node:dgram';
import { formatIpv4, type Ipv4, LIMITED_BROADCAST, type Subnet } from './ipv4.ts';
import { type Mac, macToBytes } from './mac.ts';
import { openUnicastSocket } from './udp.ts';

/** Where magic packets go by custom (discard): network cards look at the bytes, not at the port. */
const WAKE_PORT = 9;
const REPEATS = 16;

/** A network that a magic packet can leave by. */
export interface WakeNetwork {
  readonly interface: string;
  /** Our address on that interface. */
  readonly address: Ipv4;
  /** The subnets that its machines may be in, those behind routers included. */
  readonly subnets: readonly Pick<Subnet, 'broadcast'>[];
}

/** The magic packet that wakes a card: six bytes of ones, then its address sixteen times (AMD, Magic Packet Technology). */
export function magicPacket(mac: Mac): Uint8Array {
  const packet = new Uint8Array(6 + REPEATS * 6).fill(0xff, 0, 6);
  for (let repeat = 0; repeat < REPEATS; repeat += 1) packet.set(macToBytes(mac), 6 + repeat * 6);
  return packet;
}

/**
 * Broadcasts a magic packet from one interface, to its subnets and to everybody: switches differ in what they let through to
 * a machine that is off, and routers pass it on only if they are told to forward directed broadcasts (RFC 2644 §4). Nobody
 * tells whether it was heard. Throws an Error that names the interface when it can't be sent.
 */
export async function sendMagicPacket(network: WakeNetwork, mac: Mac): Promise<void> {
  const packet = magicPacket(mac);
  let socket: Socket | undefined;
  try {
    socket = await openUnicastSocket({ ...network, port: 0, receiveBuffer: 0 });
    socket.setBroadcast(true);
    const directed = network.subnets.map(({ broadcast }) => broadcast);
    for (const address of [...directed, LIMITED_BROADCAST]) {
      await send(socket, packet, formatIpv4(address));
    }
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(`the magic packet could not be sent through ${network.interface}: ${reason}`);
  } finally {
    socket?.close();
  }
}

function send(socket: Socket, packet: Uint8Array, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(packet, WAKE_PORT, address, (error) => (error ? reject(error) : resolve()));
  });
}
