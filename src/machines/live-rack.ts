import type { Mac } from '../net/mac.ts';
import { type DecisionChange, decide, describeChange } from './changes.ts';
import { indexInHostname } from './hostname.ts';
import { type Identity, plainHostname } from './identity.ts';
import type { MachineIndexes } from './indexes.ts';
import type { Happening } from './journal.ts';
import type { Boot } from './machine.ts';
import { ChangeRefusal, type MachineChange, type MachineView, type NextBoot, type Rack } from './rack.ts';
import type { Timelines } from './timelines.ts';
import { allViews, cardsOf, type ViewSources, viewOf } from './views.ts';

export interface LiveRackOptions extends ViewSources {
  readonly indexes: MachineIndexes;
  readonly timelines: Timelines;
  /** The boots of a card that have ended, the newest first. */
  readonly earlierBoots: (mac: Mac) => readonly Boot[];
  /** What a machine gets when it boots as `identity`, keys left out; throws an Error for people. */
  readonly preview: (identity: Extract<Identity, { admission: 'boot' }>) => Promise<NextBoot>;
  /** Sends a magic packet to a card, through the network it was seen on. Rejects with an Error for people. */
  readonly wake: (card: Mac, network: string | undefined) => Promise<void>;
  readonly publish: (happening: Happening) => void;
  /** Resolves when the changes that were published are written down. */
  readonly changesWritten: () => Promise<void>;
  /** Told of every machine that was changed, or forgotten. */
  readonly onChanged: (mac: Mac) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The machines of a service that runs. */
export function createRack(options: LiveRackOptions): Rack {
  const { config, registry, decisions, identifier, watch, timelines, publish, now } = options;

  const forget = async (mac: Mac, cards: readonly Mac[], by: string): Promise<void> => {
    const written = cards.map((card) => config().machines.get(card)).find((entry) => entry !== undefined);
    if (written) {
      const { place = 'machines/' } = written;
      throw new ChangeRefusal(
        'conflict',
        `${mac}: ${place} names it: take the machine out of the file first`,
      );
    }
    const hostname = identifier.lookUp(mac).hostname;
    await decisions.remove(cards);
    for (const card of cards) {
      registry.forget(card);
      options.indexes.forget(card);
      options.onChanged(card);
    }
    publish({ type: 'change', action: 'forget', by, mac, hostname, detail: 'forgotten' });
  };

  const decideAll = (mac: Mac, wanted: DecisionChange, cards: readonly Mac[], by: string) => {
    // Cards with its uuid may have its name as well: whoever approves one says that it is the same machine.
    const alike = [...cards, ...registry.cards(mac).map((card) => card.mac)];
    const ownerOf = (hostname: string) => nameOwner(hostname, alike, options);
    return cards.map((card) =>
      decide(wanted, { mac: card, config: config(), record: decisions.get(card), by, now: now(), ownerOf }),
    );
  };

  const requireKnown = (mac: Mac, action: MachineChange['action']) => {
    const isKnown = registry.get(mac) ?? decisions.get(mac) ?? config().machines.get(mac);
    if (!isKnown && action !== 'approve') {
      throw new ChangeRefusal('unknown', `${mac} was never seen and is in no file in machines/`);
    }
  };

  const change = async (
    mac: Mac,
    wanted: DecisionChange,
    cards: readonly Mac[],
    by: string,
  ): Promise<void> => {
    await decisions.put(decideAll(mac, wanted, cards, by));
    for (const card of cards) watch.admitted(card);
    tell(mac, wanted, cards, by);
  };

  const wake = async (mac: Mac, cards: readonly Mac[], by: string): Promise<void> => {
    if (!viewOf(mac, options)) {
      throw new ChangeRefusal('unknown', `${mac} was never seen: approve it first, then it can be woken`);
    }
    for (const card of cards) {
      await options.wake(card, registry.get(card)?.network).catch((error: Error) => {
        throw new ChangeRefusal('conflict', `${card}: ${error.message}`);
      });
    }
    tell(mac, { action: 'wake' }, cards, by);
  };

  /** Puts a change on the machine's timeline and into the audit trail. */
  const tell = (mac: Mac, made: MachineChange, cards: readonly Mac[], by: string) => {
    const detail = describeChange(made);
    for (const card of cards) {
      timelines.add(card, 'change', `${detail} by ${by}`, now());
      options.onChanged(card);
    }
    const { hostname } = identifier.lookUp(mac);
    publish({ type: 'change', action: made.action, by, mac, hostname, detail });
  };

  return {
    machines: () => allViews(options),
    machine: (mac) => viewOf(mac, options),
    boots: (mac) => bootsOf(cardsOf(mac, options), options),
    async next(mac) {
      if (!viewOf(mac, options)) return undefined;
      const identity = identifier.lookAhead(mac);
      return identity.admission === 'boot' ? options.preview(identity) : undefined;
    },
    async change(mac, wanted, by): Promise<MachineView | undefined> {
      requireKnown(mac, wanted.action);
      const cards = cardsOf(mac, options);
      if (wanted.action === 'forget') await forget(mac, cards, by);
      else if (wanted.action === 'wake') await wake(mac, cards, by);
      else await change(mac, wanted, cards, by);
      await options.changesWritten();
      return viewOf(mac, options);
    },
    refusal(mac, wanted) {
      try {
        requireKnown(mac, wanted.action);
        decideAll(mac, wanted, cardsOf(mac, options), '');
        return undefined;
      } catch (error) {
        if (error instanceof ChangeRefusal) return error;
        throw error;
      }
    },
  };
}

function bootsOf(cards: readonly Mac[], { registry, earlierBoots }: LiveRackOptions): readonly Boot[] {
  return cards
    .flatMap((card) => {
      const current = registry.get(card)?.boot;
      return [...(current ? [current] : []), ...earlierBoots(card)];
    })
    .sort((a, b) => b.began - a.began);
}

/** Who else has a host name: by hand, by decision, by its index, or by its address. */
function nameOwner(
  hostname: string,
  cards: readonly Mac[],
  { config, decisions, indexes }: LiveRackOptions,
): string | undefined {
  const isOther = (mac: Mac | undefined) => mac !== undefined && !cards.includes(mac);
  const written = [...config().machines.values()].find(
    (entry) => entry.hostname === hostname && isOther(entry.mac),
  );
  if (written) return `${written.mac} (${written.place ?? 'machines/'})`;
  const decided = [...decisions.named(hostname)].find(isOther);
  if (decided !== undefined) return decided;
  for (const profile of config().profiles.keys()) {
    const index = indexInHostname(profile, hostname);
    const numbered = index === undefined ? undefined : indexes.holder(profile, index);
    if (numbered !== undefined && isOther(numbered)) return `${numbered}, which has that number`;
  }
  const [, digits] = /^node-([0-9a-f]{12})$/.exec(hostname) ?? [];
  const isPlain = digits !== undefined && !cards.some((card) => plainHostname(card) === hostname);
  return isPlain ? 'the machine with that hardware address' : undefined;
}
