import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Namespace } from './netns.ts';
import { type Child, startFor } from './process.ts';

/** How Flatcar, Fedora CoreOS (in its initrd) and many servers ask for an address. */
const NETWORK = `[Match]
Name=eth0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
[DHCPv4]
`;

/** It wants to be started by systemd: a folder that is its user's for what it writes down, and a clean /run. */
const START = `set -e
mount -t tmpfs -o mode=755 tmpfs /run
# With /sys read-only it does not wait for udev, which isn't there.
mount -o remount,bind,ro /sys
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases
cp "$1" /run/systemd/network/eth0.network
chown -R systemd-network /run/systemd/netif
exec env SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd
`;

/**
 * Runs systemd-networkd on `eth0` of a namespace for the length of a test, without systemd, D-Bus or udev around it.
 * @param folder where its configuration is written
 * @param settings lines of its section [DHCPv4]
 */
export async function networkdFor(
  t: ExecutionContext,
  namespace: Namespace,
  folder: string,
  settings = '',
): Promise<Child> {
  const file = join(folder, 'eth0.network');
  await writeFile(file, `${NETWORK}${settings}\n`);
  return startFor(t, namespace.command(['unshare', '--mount', 'sh', '-c', START, 'sh', file]));
}
