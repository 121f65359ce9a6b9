import type { ExecutionContext } from 'ava';
import { rackFor } from './netns.ts';
import { runChecked } from './process.ts';
import { serviceFor, type TestService } from './service.ts';

const NETWORK = { address: '10.64.0.1/16', dhcp: { range: '10.64.1.0-10.64.200.255', router: '10.64.0.1' } };

/** A rack on 10.64.0.0/16, with a service and a machine that has an address for perfdhcp to relay from. */
export async function bigRack(t: ExecutionContext) {
  const { server, clients } = await rackFor(t);
  await server.ip('address replace 10.64.0.1/16 dev rack0');
  await clients[0]?.ip('address add 10.64.0.2/16 dev eth0');
  const service = await serviceFor(t, server, NETWORK);
  const inClient = (argv: string[]) => clients[0]?.command(argv) ?? [];
  const perfdhcp = (...options: string[]) =>
    inClient(['perfdhcp', '-4', '-l', '10.64.0.2', ...options, '10.64.0.1']);
  return { service, inClient, perfdhcp };
}

/**
 * What the clients were told, from the ACKs that reached their card: the last address of each machine.
 * @param until milliseconds since the epoch; later ones don't count
 */
export async function readAcks(
  capture: string,
  until = Number.POSITIVE_INFINITY,
): Promise<Map<string, string>> {
  const fields = ['frame.time_epoch', 'dhcp.hw.mac_addr', 'dhcp.ip.your'].flatMap((field) => ['-e', field]);
  const lines = await runChecked([
    'tshark',
    '-r',
    capture,
    '-Y',
    'dhcp.option.dhcp == 5',
    '-T',
    'fields',
    '-E',
    'occurrence=f',
    ...fields,
  ]);
  return new Map(
    lines
      .trim()
      .split('\n')
      .map((line) => line.split('\t') as [string, string, string])
      .filter(([seconds]) => Number(seconds) * 1000 <= until)
      .map(([, mac, address]) => [mac, address]),
  );
}

/** The address of each machine, as the API tells. */
export async function readLeases(service: TestService): Promise<Map<string, string>> {
  const leases = await service.api.leases();
  return new Map(leases.map(({ mac = '', address }) => [mac, address]));
}
