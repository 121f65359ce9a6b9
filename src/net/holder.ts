import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Names the process that holds a local port, for an error message: `dnsmasq (pid 812)`.
 * Undefined when none is found or when we may not look.
 */
export function portHolder(protocol: 'udp' | 'tcp', port: number): string | undefined {
  const inodes = socketInodes(protocol, port);
  if (inodes.size === 0) return undefined;
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    const holds = list(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkTarget(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
    if (holds) return `${text(`/proc/${pid}/comm`).trim()} (pid ${pid})`;
  }
  return undefined;
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
