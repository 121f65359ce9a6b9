import { setTimeout as pause } from 'node:timers/promises';
import { run, runChecked } from './process.ts';

/** A network namespace: a network of its own, apart from the host's. */
export interface Namespace {
  readonly name: string;
  /** The command that runs `argv` inside the namespace; the process keeps its id, so it can be signalled directly. */
  command(argv: readonly string[]): string[];
  /** Runs `ip` commands (without the leading `ip`) inside, one after the other. Throws at the first that fails. */
  ip(...commands: readonly string[]): Promise<void>;
  /** Ends every process that is still inside, then deletes the namespace. Does nothing when it's gone already. */
  remove(): Promise<void>;
}

/** Makes a network namespace in which only the loopback interface exists. Needs root. */
export async function createNamespace(name: string): Promise<Namespace> {
  if (process.getuid?.() !== 0) {
    throw new Error('a network namespace is made by root only: run this with sudo');
  }
  await runChecked(['ip', 'netns', 'add', name]);
  const namespace = namespaceNamed(name);
  await namespace.ip('link set lo up');
  return namespace;
}

function namespaceNamed(name: string): Namespace {
  return {
    name,
    command: (argv) => ['ip', 'netns', 'exec', name, ...argv],
    async ip(...commands) {
      await runChecked(['ip', '-n', name, '-batch', '-'], { input: `${commands.join('\n')}\n` });
    },
    remove: () => removeNamespace(name),
  };
}

async function removeNamespace(name: string): Promise<void> {
  if (!(await listNamespaces()).includes(name)) return;
  // A process in the middle of a fork can be missed once, so the list is read until it's empty.
  for (let tries = 0; tries < 50; tries += 1) {
    const pids = (await run(['ip', 'netns', 'pids', name])).stdout.split('\n').filter(Boolean).map(Number);
    if (pids.length === 0) break;
    for (const pid of pids) endProcess(pid);
    await pause(20);
  }
  const { code, stderr } = await run(['ip', 'netns', 'delete', name]);
  // Somebody else may have removed it in the meantime.
  if (code !== 0 && (await listNamespaces()).includes(name)) {
    throw new Error(`network namespace ${name} can't be deleted: ${stderr.trim()}`);
  }
}

/** The names of the network namespaces that `ip netns` knows. */
export async function listNamespaces(): Promise<string[]> {
  const list = await runChecked(['ip', 'netns', 'list']);
  return list.split('\n').flatMap((line) => line.split(' ')[0] || []);
}

/**
 * Removes the namespaces that a process which ended without cleaning up (a power cut, SIGKILL) left behind. Their names
 * are `prefix`, a process id, and anything that starts with a hyphen. Gives the names removed.
 */
export async function removeStaleNamespaces(prefix: string): Promise<string[]> {
  const stale = (await listNamespaces()).filter((name) => {
    const owner = ownerOf(name, prefix);
    return owner !== undefined && !isAlive(owner);
  });
  for (const name of stale) await removeNamespace(name);
  return stale;
}

/** The process id in a name that is made of `prefix`, a process id, and optionally a hyphen with more after it. */
export function ownerOf(name: string, prefix: string): number | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const match = /^(\d+)(?:-.*)?$/.exec(name.slice(prefix.length));
  return match ? Number(match[1]) : undefined;
}

/** True while a process with this id exists, ours or anybody's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}

/**
 * The `ip` commands that make a bridge with an address, up and forwarding at once. The hardware address is fixed: a
 * bridge otherwise takes a new one whenever a port joins, and a booting machine's ARP entry for the server goes stale.
 * @param address with prefix length: `192.168.0.254/24`
 */
export function bridgeCommands(bridge: string, mac: string, address: string): string[] {
  return [
    `link add ${bridge} address ${mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `address add ${address} brd + dev ${bridge}`,
    `link set ${bridge} up`,
  ];
}

/** The `ip` commands that make a tap device, a virtual machine's end of a cable whose other end is in `bridge`. */
export function tapCommands(tap: string, bridge: string): string[] {
  return [`tuntap add dev ${tap} mode tap`, `link set ${tap} master ${bridge} up`];
}
