import { dump } from 'js-yaml';
import type { MachineEntry } from '../../config/config.ts';
import type { MachineView } from '../../machines/rack.ts';
import { formatIpv4 } from '../../net/ipv4.ts';
import type { Mac } from '../../net/mac.ts';

/** The columns of a CSV file of machines. */
export const COLUMNS = ['mac', 'hostname', 'profile', 'address', 'labels', 'state'] as const;

/** Machines as CSV (RFC 4180, but for the line ends), a header first. */
export function exportCsv(machines: Iterable<MachineView>): string {
  const rows = Array.from(machines, ({ mac, hostname, profile, address, labels, state }) => [
    mac,
    hostname,
    profile ?? '',
    address === undefined ? '' : formatIpv4(address),
    formatLabels(labels),
    state,
  ]);
  return [COLUMNS, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

/**
 * Machines that may boot, in the form of machines/*.yaml. Addresses are those that somebody reserved: a lease is no
 * reservation.
 * @param entries what is written down in machines/
 */
export function exportYaml(machines: Iterable<MachineView>, entries: ReadonlyMap<Mac, MachineEntry>): string {
  const list = Array.from(machines)
    .filter(({ admission }) => admission === 'boot')
    .map(({ mac, hostname, profile, labels }) => {
      const address = entries.get(mac)?.address;
      return {
        mac,
        hostname,
        ...(profile !== undefined && { profile }),
        ...(address !== undefined && { address: formatIpv4(address) }),
        ...(Object.keys(labels).length > 0 && { labels: { ...labels } }),
      };
    });
  return dump({ machines: list });
}

/** `rack=7;row=a`; a semicolon or backslash in a value has a backslash before it. */
function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value.replace(/[\\;]/g, '\\$&')}`)
    .join(';');
}

function cell(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
