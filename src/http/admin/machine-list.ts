import type { MachineState, MachineView } from '../../machines/rack.ts';
import { formatIpv4 } from '../../net/ipv4.ts';
import { naturalKey, type SortKey } from './paging.ts';

/** Which machines somebody wants to see; what is undefined doesn't matter. */
export interface MachineFilter {
  readonly states?: ReadonlySet<MachineState>;
  readonly network?: string;
  /** Part of anything that names or describes a machine, without regard to case. */
  readonly text?: string;
}

/** Tells whether a machine is wanted. */
export function machineFilter({ states, network, text }: MachineFilter): (machine: MachineView) => boolean {
  const wanted = text?.toLowerCase() ?? '';
  return (machine) =>
    (states?.has(machine.state) ?? true) &&
    (network === undefined || machine.network === network) &&
    (wanted === '' || wordsOf(machine).some((word) => word.toLowerCase().includes(wanted)));
}

/** Sorts machines that wait for somebody first, then those that are stuck, then by host name. */
export function machineKey({ state, hostname, mac }: MachineView): SortKey {
  const group = state === 'discovered' ? 0 : state === 'stuck' ? 1 : 2;
  return [group, naturalKey(hostname), mac];
}

function wordsOf(machine: MachineView): string[] {
  const { cards, hostname, address, profile, firmware, labels, inventory, attachment } = machine;
  return [
    ...cards,
    hostname,
    address === undefined ? undefined : formatIpv4(address),
    profile,
    firmware,
    ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
    ...Object.values(inventory),
    ...Object.values(attachment ?? {}),
  ].filter((word) => word !== undefined);
}
