import type { Config, ConfigSource } from '../config/config.ts';
import { pinImage } from '../images/pin.ts';
import type { Mac } from '../net/mac.ts';
import { type DecisionSource, NO_DECISIONS } from './decisions.ts';
import { type Identity, identify } from './identity.ts';
import type { IndexSource, MachineIndexes } from './indexes.ts';
import type { Attachment, Inventory } from './machine.ts';
import { PortOccupants } from './ports.ts';
import type { Decision } from './rack.ts';
import type { MachineRegistry } from './registry.ts';
import type { MachineFacts } from './rules.ts';

/** Tells who machines are, by the configuration in force and all that is known of them. */
export interface Identifier {
  /**
   * Who a machine is that begins to boot, with what it has just told about itself and where it is plugged in. An admitted machine that has no index
   * gets one, if it has been seen before or is written down: a packet from nobody costs nothing that lasts.
   */
  admit(mac: Mac, inventory?: Inventory, attachment?: Attachment): Identity;
  /** Who a machine is; changes nothing. */
  lookUp(mac: Mac): Identity;
  /** Who a machine will be at its next boot; changes nothing. */
  lookAhead(mac: Mac): Identity;
}

/** A machine with the version that its profile's image leads to now, when that is a link such as `flatcar/current`. */
export function withPinnedImage(identity: Identity, { assets }: Pick<Config, 'assets'>): Identity {
  if (identity.admission !== 'boot') return identity;
  const profile = pinImage(identity.profile, assets.directory);
  return profile === identity.profile ? identity : { ...identity, profile };
}

export function createIdentifier(
  config: ConfigSource,
  registry: MachineRegistry,
  indexes: MachineIndexes,
  decisions: DecisionSource = NO_DECISIONS,
): Identifier {
  const ports = new PortOccupants(config, registry);
  const factsOf = (mac: Mac, said?: Inventory): MachineFacts => {
    const seen = registry.get(mac);
    const port = ports.entryOf(mac);
    const place = port && { port };
    if (!seen) return { ...place, ...(said && { inventory: said }) };
    const inventory = said ? { ...seen.inventory, ...said } : seen.inventory;
    return { ...place, network: seen.network, inventory };
  };
  const isTaken = (mac: Mac) => (hostname: string) => {
    const named = decisions.named(hostname);
    return named.size > 0 && !named.has(mac);
  };
  const lookUp = (mac: Mac, decision: Decision | undefined, indexOf: IndexSource, said?: Inventory) =>
    withPinnedImage(
      identify(config(), mac, factsOf(mac, said), indexOf, { decision, isTaken: isTaken(mac) }),
      config(),
    );
  const inEffect = (mac: Mac) => decisions.inEffect(mac, registry.get(mac)?.boot?.profile !== undefined);
  return {
    admit(mac, said, attachment) {
      if (attachment) ports.arrive(mac, attachment);
      return lookUp(
        mac,
        inEffect(mac),
        (request) => {
          const isKnown = registry.get(mac) !== undefined || config().machines.has(mac);
          return isKnown ? indexes.assign(request) : indexes.get(request.profile, mac);
        },
        said,
      );
    },
    lookUp: (mac) => lookUp(mac, inEffect(mac), ({ profile }) => indexes.get(profile, mac)),
    lookAhead: (mac) => lookUp(mac, decisions.next(mac), ({ profile }) => indexes.get(profile, mac)),
  };
}
