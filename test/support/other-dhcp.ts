import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { connect, type Namespace, namespaceFor } from './netns.ts';
import { type Child, startFor } from './process.ts';

/** A DHCP server that is not ours. */
export type OtherDhcp = 'dnsmasq' | 'kea';

/** Where it stands, and what it gives: 192.168.0.9, and addresses from 192.168.0.150 to .199. */
export const OTHER_DHCP = { address: '192.168.0.9', first: '192.168.0.150', last: '192.168.0.199' } as const;

/** What it gives to machines behind the router of `remoteWireFor`. */
export const FAR_DHCP = {
  subnet: '10.1.0.0/24',
  first: '10.1.0.150',
  last: '10.1.0.199',
  router: '10.1.0.1',
} as const;

let started = 0;

/**
 * Puts another DHCP server on a provisioning network for the length of a test, in a namespace of its own that is cabled to
 * the bridge. It knows nothing of network boot, and gives addresses of the wire behind the router too. Resolves when it
 * answers.
 */
export async function otherDhcpFor(
  t: ExecutionContext,
  kind: OtherDhcp,
  { namespace, bridge }: { readonly namespace: Namespace; readonly bridge: string },
): Promise<Child> {
  const own = await namespaceFor(t);
  started += 1;
  const port = `other${started}`;
  await connect({ namespace, interface: port }, { namespace: own, interface: 'eth0' });
  await namespace.ip(`link set ${port} master ${bridge}`);
  await own.ip(`address add ${OTHER_DHCP.address}/24 brd + dev eth0`);
  await own.ip(`route add ${FAR_DHCP.subnet} via 192.168.0.1`);
  const scratch = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
  t.teardown(() => rm(scratch, { recursive: true, force: true }));
  return kind === 'dnsmasq' ? dnsmasq(t, own, scratch) : kea(t, own, scratch);
}

async function dnsmasq(t: ExecutionContext, own: Namespace, scratch: string): Promise<Child> {
  const child = await startFor(
    t,
    own.command([
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--user=root', '--pid-file='],
      ...['--port=0', '--interface=eth0', '--no-ping', '--log-dhcp', '--log-facility=-'],
      `--dhcp-range=${OTHER_DHCP.first},${OTHER_DHCP.last},1h`,
      `--dhcp-range=set:far,${FAR_DHCP.first},${FAR_DHCP.last},255.255.255.0,1h`,
      `--dhcp-option=tag:far,option:router,${FAR_DHCP.router}`,
      `--dhcp-leasefile=${join(scratch, 'leases')}`,
    ]),
  );
  await child.waitFor(/DHCP, IP range/);
  return child;
}

async function kea(t: ExecutionContext, own: Namespace, scratch: string): Promise<Child> {
  const file = join(scratch, 'kea.json');
  const { first, last } = OTHER_DHCP;
  const configuration = {
    Dhcp4: {
      'interfaces-config': { interfaces: ['eth0'] },
      'lease-database': { type: 'memfile', persist: false },
      'valid-lifetime': 3600,
      subnet4: [
        { subnet: '192.168.0.0/24', pools: [{ pool: `${first} - ${last}` }] },
        {
          subnet: FAR_DHCP.subnet,
          pools: [{ pool: `${FAR_DHCP.first} - ${FAR_DHCP.last}` }],
          'option-data': [{ name: 'routers', data: FAR_DHCP.router }],
        },
      ],
      loggers: [{ name: 'kea-dhcp4', severity: 'INFO', output_options: [{ output: 'stdout', flush: true }] }],
    },
  };
  await writeFile(file, JSON.stringify(configuration));
  const env = { KEA_LOCKFILE_DIR: scratch, KEA_PIDFILE_DIR: scratch };
  const child = await startFor(t, own.command(['kea-dhcp4', '-c', file]), { env });
  await child.waitFor(/DHCP4_STARTED/, 30_000);
  return child;
}
