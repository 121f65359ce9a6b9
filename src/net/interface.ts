import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { formatIpv4, type Ipv4 } from './ipv4.ts';
import { type Mac, parseMac } from './mac.ts';

const run = promisify(execFile);

/** What the kernel says about a network interface. */
export interface InterfaceFacts {
  readonly mtu: number;
  /** Its hardware address; undefined for a kind of link that has none of 48 bits. */
  readonly mac: Mac | undefined;
  /** Administratively up. A cable need not be plugged in. */
  readonly up: boolean;
  /** IPv4 addresses in dotted text. */
  readonly addresses: readonly string[];
}

interface IpLink {
  readonly mtu: number;
  readonly address?: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly family: string; readonly local: string }[];
}

/**
 * Asks the kernel about one interface, through iproute2 because Node's own list leaves out links without a carrier.
 * Throws an Error that names the interfaces there are when `name` is none of them.
 */
export async function readInterface(name: string): Promise<InterfaceFacts> {
  let links: readonly IpLink[];
  try {
    const { stdout } = await run('ip', ['-j', 'address', 'show', 'dev', name]);
    links = JSON.parse(stdout) as readonly IpLink[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Error('the command "ip" is missing: install the package iproute2');
    }
    const { stderr = '', message } = error as Error & { stderr?: string };
    if (!/does not exist|cannot find/i.test(stderr))
      throw new Error(`ip address show dev ${name} failed: ${stderr.trim() || message}`);
    const others = await readdir('/sys/class/net').catch(() => []);
    throw new Error(`there is no network interface "${name}" on this host (there are: ${others.join(', ')})`);
  }
  const link = links.find((entry) => entry.addr_info);
  if (!link) throw new Error(`iproute2 says nothing about the network interface "${name}"`);
  return {
    mtu: link.mtu,
    mac: parseMac(link.address ?? ''),
    up: link.flags.includes('UP'),
    addresses: link.addr_info.filter((info) => info.family === 'inet').map((info) => info.local),
  };
}

/**
 * Makes sure that we can serve from `address` on interface `name`, and tells the interface's facts.
 * Throws an Error that says what is wrong and the command that mends it.
 */
export async function requireInterface(name: string, address: Ipv4, prefix: number): Promise<InterfaceFacts> {
  const facts = await readInterface(name);
  const text = formatIpv4(address);
  if (!facts.addresses.includes(text)) {
    const has =
      facts.addresses.length > 0 ? `it has ${facts.addresses.join(', ')}` : 'it has no IPv4 address';
    throw new Error(
      `interface ${name} does not have the address ${text} (${has}): ip address add ${text}/${prefix} dev ${name}`,
    );
  }
  if (!facts.up) throw new Error(`interface ${name} is down: ip link set ${name} up`);
  return facts;
}
