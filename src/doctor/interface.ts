import { readFile } from 'node:fs/promises';
import type { Network } from '../config/config.ts';
import { readInterface } from '../net/interface.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Whether the interface of a network is there, switched on, has our address, and a cable in it. */
export async function checkInterface({ interface: name, address, subnet }: Network): Promise<Finding> {
  const subject = `interface ${name}`;
  const ours = `${formatIpv4(address)}/${subnet.prefix}`;
  const facts = await readInterface(name).catch((error: Error) => error);
  if (facts instanceof Error) {
    return fail(
      subject,
      facts.message,
      'name an interface of this host in rackseed.yaml: networks[].interface',
    );
  }
  if (!facts.up) return fail(subject, 'it is switched off', `ip link set ${name} up`);
  if (!facts.addresses.includes(formatIpv4(address))) {
    const has = facts.addresses.join(', ') || 'none';
    return fail(subject, `it lacks the address ${ours}; it has ${has}`, `ip address add ${ours} dev ${name}`);
  }
  const carrier = await readFile(`/sys/class/net/${name}/carrier`, 'utf8').catch(() => '1');
  if (carrier.trim() === '0') {
    return warn(subject, 'it has no carrier', 'plug the cable in, or switch the other end on');
  }
  return ok(subject, `up with ${ours}, MTU ${facts.mtu}`);
}
