import type { ExecutionContext } from 'ava';
import {
  bridgeCommands,
  createNamespace,
  type Namespace,
  removeStaleNamespaces,
} from '../../src/lab/namespace.ts';

export type { Namespace } from '../../src/lab/namespace.ts';

const PREFIX = 'rackseed-test-';
let created = 0;
let swept: Promise<unknown> | undefined;

/** Makes a network namespace that is removed, with every process in it, when the test ends. */
export async function namespaceFor(t: ExecutionContext): Promise<Namespace> {
  swept ??= removeStaleNamespaces(PREFIX);
  await swept;
  created += 1;
  const namespace = await createNamespace(`${PREFIX}${process.pid}-${created}`);
  t.teardown(() => namespace.remove());
  return namespace;
}

/** One end of a cable. */
export interface End {
  readonly namespace: Namespace;
  /** Name of the interface, at most 15 characters. */
  readonly interface: string;
  /** Hardware address; the kernel chooses one when it's left out. */
  readonly mac?: string;
}

/** Lays a virtual cable (a veth pair) between two namespaces, or two places of one, and switches both ends on. */
export async function connect(a: End, b: End, mtu = 1500): Promise<void> {
  const describe = (end: End) => `${end.interface} mtu ${mtu} ${end.mac ? `address ${end.mac}` : ''}`;
  await a.namespace.ip(`link add ${describe(a)} type veth peer ${describe(b)} netns ${b.namespace.name}`);
  await a.namespace.ip(`link set ${a.interface} up`);
  await b.namespace.ip(`link set ${b.interface} up`);
}

/** A provisioning network in miniature. */
export interface Rack {
  /** Where the service runs: the bridge `rack0` has the address 192.168.0.254/24. */
  readonly server: Namespace;
  /** One namespace a machine, each with one interface `eth0` without an address, cabled to `rack0`. */
  readonly clients: readonly Namespace[];
  /** Hardware addresses of the clients, in the same order. */
  readonly macs: readonly string[];
}

/**
 * Builds a provisioning network for the length of a test: a server's namespace and `clients` machines' namespaces, whose
 * hardware addresses are 52:54:00:00:00:01 and so on.
 */
export async function rackFor(t: ExecutionContext, clients = 1): Promise<Rack> {
  const server = await namespaceFor(t);
  await server.ip(...bridgeCommands('rack0', '52:54:00:ff:00:fe', '192.168.0.254/24'));
  const machines: { namespace: Namespace; mac: string }[] = [];
  for (let number = 1; number <= clients; number += 1) {
    const namespace = await namespaceFor(t);
    const mac = `52:54:00:00:00:${number.toString(16).padStart(2, '0')}`;
    const port = `port${number}`;
    await connect({ namespace: server, interface: port }, { namespace, interface: 'eth0', mac });
    await server.ip(`link set ${port} master rack0`);
    machines.push({ namespace, mac });
  }
  return {
    server,
    clients: machines.map((machine) => machine.namespace),
    macs: machines.map((machine) => machine.mac),
  };
}
