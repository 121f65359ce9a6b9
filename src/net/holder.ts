import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process that holds a socket. */
export interface Holder {
  readonly name: string;
  readonly pid: number;
}

/** The process that opens sockets for others. */
const SYSTEMD = 1;

/**
 * Names the process that holds a local port, for an error message: `dnsmasq (pid 812)`. systemd is named only when it holds
 * the port for a service that doesn't run. Undefined when none is found or when we may not look.
 */
export function portHolder(protocol: 'udp' | 'tcp', port: number): string | undefined {
  const holders = portHolders(protocol, port);
  const holder = holders.find(({ pid }) => pid !== SYSTEMD);
  if (holder) return `${holder.name} (pid ${holder.pid})`;
  return holders.length > 0 ? 'systemd, for a unit of "systemctl list-sockets",' : undefined;
}

/** The processes that hold a local port, on whatever address; none when we may not look. */
export function portHolders(protocol: 'udp' | 'tcp', port: number): readonly Holder[] {
  return holdersOf(socketInodes(protocol, port));
}

/** The processes that listen on a unix socket; none when we may not look. */
export function unixHolders(path: string): readonly Holder[] {
  const lines = text('/proc/net/unix').split('\n').slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/)).filter((line) => line[7] === path);
  return holdersOf(new Set(fields.flatMap(([, , , , , , inode]) => inode ?? [])));
}

function holdersOf(inodes: ReadonlySet<string>): readonly Holder[] {
  if (inodes.size === 0) return [];
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) =>
      list(`/proc/${pid}/fd`).some((fd) => {
        const inode = /^socket:\[(\d+)\]$/.exec(linkTarget(`/proc/${pid}/fd/${fd}`))?.[1];
        return inode !== undefined && inodes.has(inode);
      }),
    )
    .map((pid) => ({ name: text(`/proc/${pid}/comm`).trim(), pid: Number(pid) }));
}

/** Inodes of the sockets bound to `port`, from the table described in proc_net_tcp.rst. */
function socketInodes(protocol: 'udp' | 'tcp', port: number): Set<string> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const family of [protocol, `${protocol}6`]) {
    for (const line of text(`/proc/net/${family}`).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${wanted}`) && fields[9]) inodes.add(fields[9]);
    }
  }
  return inodes;
}

// Processes come and go while we look, and most are not ours to read: what can't be read is skipped.
const orElse = <T>(read: () => T, otherwise: T): T => {
  try {
    return read();
  } catch {
    return otherwise;
  }
};
const list = (path: string): string[] => orElse(() => readdirSync(path), []);
const text = (path: string): string => orElse(() => readFileSync(path, 'utf8'), '');
const linkTarget = (path: string): string => orElse(() => readlinkSync(path), '');
