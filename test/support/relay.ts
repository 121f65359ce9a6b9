import type { ExecutionContext } from 'ava';
import { connect, type Namespace, namespaceFor, type Rack } from './netns.ts';
import { type Child, runChecked, startFor } from './process.ts';

/** A wire behind a router, beside the rack's own. */
export interface RemoteWire {
  /** The router: `up0` has 192.168.0.1/24 on the rack's network, `down0` has 10.1.0.1/24. */
  readonly router: Namespace;
  /** Machines on the far wire, each with one interface `eth0` without an address. */
  readonly clients: readonly Namespace[];
  /** Hardware addresses of the clients, in the same order. */
  readonly macs: readonly string[];
}

/** Adds a router to a rack for the length of a test, and `clients` machines behind it on the wire 10.1.0.0/24. */
export async function remoteWireFor(t: ExecutionContext, { server }: Rack, clients = 1): Promise<RemoteWire> {
  const router = await namespaceFor(t);
  await connect({ namespace: server, interface: 'uplink' }, { namespace: router, interface: 'up0' });
  await server.ip('link set uplink master rack0');
  await server.ip('route add 10.1.0.0/24 via 192.168.0.1');
  await router.ip('address add 192.168.0.1/24 dev up0');
  await router.ip('link add down0 type bridge');
  await router.ip('address add 10.1.0.1/24 dev down0');
  await router.ip('link set down0 up');
  await runChecked(router.command(['sysctl', '-qw', 'net.ipv4.ip_forward=1']));
  const machines: { namespace: Namespace; mac: string }[] = [];
  for (let number = 1; number <= clients; number += 1) {
    const namespace = await namespaceFor(t);
    const mac = `52:54:00:00:01:${number.toString(16).padStart(2, '0')}`;
    await connect({ namespace: router, interface: `far${number}` }, { namespace, interface: 'eth0', mac });
    await router.ip(`link set far${number} master down0`);
    machines.push({ namespace, mac });
  }
  return {
    router,
    clients: machines.map(({ namespace }) => namespace),
    macs: machines.map(({ mac }) => mac),
  };
}

/** Relay agents nobody here wrote: each passes DHCP on from `down0` to servers, ours unless told. */
export const RELAYS = {
  /** Adds option 82 with the name of the interface as circuit ID. */
  dhcrelay: (servers: readonly string[]) => [
    ...['dhcrelay', '-4', '-d', '-a', '-id', 'down0', '-iu', 'up0'],
    ...servers,
  ],
  dnsmasq: (servers: readonly string[]) => [
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--port=0',
    '--log-facility=-',
    '--log-dhcp',
    '--user=root',
    '--pid-file=',
    ...servers.map((server) => `--dhcp-relay=10.1.0.1,${server},up0`),
  ],
} as const;

/** Starts a relay agent on the router; it listens when this resolves. */
export async function relayFor(
  t: ExecutionContext,
  { router }: RemoteWire,
  relay: keyof typeof RELAYS,
  servers: readonly string[] = ['192.168.0.254'],
): Promise<Child> {
  const child = await startFor(t, router.command(RELAYS[relay](servers)));
  await child.waitFor(relay === 'dhcrelay' ? /Sending on\s+Socket/ : /DHCP relay from/);
  return child;
}
