import type { Socket } from 'node:dgram';
import { answerClient } from './client-answer.ts';
import type { Network } from './config/config.ts';
import type { DhcpEvent } from './dhcp/events.ts';
import { ProxyServer } from './dhcp/proxy-server.ts';
import type { Mac } from './net/mac.ts';
import { openSharedSocket, openUnicastSocket } from './net/udp.ts';
import type { SharedParts } from './network-service.ts';

const CLIENT_PORT = 68;
const BOOT_SERVER_PORT = 4011;
/** Bytes; a machine asks the boot server once a boot. */
const RECEIVE_BUFFER = 1024 * 1024;

export interface ProxyParts {
  /** The network as it is configured now. */
  readonly network: () => Network;
  /** Hardware address of its interface. */
  readonly mac: Mac | undefined;
  readonly shared: SharedParts;
  /** Told of each socket that is tied to the interface. */
  readonly onTied: (fd: number) => void;
  readonly observe: (event: DhcpEvent) => void;
}

/** Opens the boot server of a network, and what listens for other DHCP servers. Throws an Error that says what to do. */
export async function openProxy({ network, mac, shared, onTied, observe }: ProxyParts): Promise<ProxyServer> {
  const { name, address, interface: device, dhcp } = network();
  const { inherited } = shared;
  const place = { interface: device, receiveBuffer: RECEIVE_BUFFER, inherited, onTied };
  const bootServer = await openUnicastSocket({ ...place, address, port: BOOT_SERVER_PORT });
  let ear: Socket | undefined;
  try {
    if (dhcp.mode !== 'authoritative') ear = await openSharedSocket({ ...place, port: CLIENT_PORT });
  } catch (error) {
    bootServer.close();
    throw error;
  }
  return new ProxyServer({
    name,
    mode: dhcp.mode,
    network: { address, options: dhcp.options },
    bootServer,
    ...(ear && { ear }),
    mac,
    backend: { answer: (client, at) => answerClient(client, network(), shared, at) },
    observe,
  });
}
