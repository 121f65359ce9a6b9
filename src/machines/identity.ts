import type { Config, MachineEntry, Profile } from '../config/config.ts';
import type { Mac } from '../net/mac.ts';
import { macToHyphens } from '../net/mac.ts';

/** Who a machine is and what it may do, decided from the configuration alone. */
export type Identity =
  | {
      readonly admission: 'boot';
      readonly mac: Mac;
      readonly hostname: string;
      readonly profile: Profile;
      readonly entry: MachineEntry;
    }
  | { readonly admission: 'hold'; readonly mac: Mac; readonly hostname: string }
  | { readonly admission: 'ignore'; readonly mac: Mac; readonly hostname: string };

/**
 * Looks a hardware address up in the configuration: a machine with an entry boots its profile (or the default one);
 * any other gets what `unknown_machines` says.
 */
export function identify(config: Config, mac: Mac): Identity {
  const entry = config.machines.get(mac);
  const hostname = entry?.hostname ?? defaultHostname(mac);
  if (!entry && config.unknownMachines !== 'boot')
    return { admission: config.unknownMachines, mac, hostname };
  const name = entry?.profile ?? config.defaultProfile;
  const profile = config.profiles.get(name);
  if (!profile) throw new Error(`profile ${name} is not in the configuration`);
  return { admission: 'boot', mac, hostname, profile, entry: entry ?? { mac, labels: {} } };
}

/** A name for a machine nobody named: stable, and a valid DNS-1123 label. */
function defaultHostname(mac: Mac): string {
  return `node-${macToHyphens(mac).replaceAll('-', '')}`;
}
