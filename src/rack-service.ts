import type { Logger } from 'pino';
import { BootTracker } from './boot-tracker.ts';
import type { ConfigSource, Network } from './config/config.ts';
import { subnetsOf } from './config/subnets.ts';
import { logEntry } from './log-events.ts';
import { Announcer } from './machines/announcer.ts';
import { BootWatch } from './machines/boot-watch.ts';
import { Decisions } from './machines/decisions.ts';
import { EventJournal } from './machines/event-journal.ts';
import { EventLimit } from './machines/event-limit.ts';
import { expectationsOf } from './machines/expectations.ts';
import { createIdentifier, type Identifier } from './machines/identifier.ts';
import { MachineIndexes } from './machines/indexes.ts';
import type { Happening, Journal } from './machines/journal.ts';
import { createRack } from './machines/live-rack.ts';
import { MachineFeed } from './machines/machine-feed.ts';
import type { Rack } from './machines/rack.ts';
import { MachineRegistry } from './machines/registry.ts';
import { type AddedEntry, Timelines } from './machines/timelines.ts';
import { contains, type Ipv4, type Subnet } from './net/ipv4.ts';
import type { Mac } from './net/mac.ts';
import { sendMagicPacket } from './net/wake-on-lan.ts';
import { previewBoot } from './next-boot.ts';
import type { Store } from './store/store.ts';

/** What a rack is made from. */
export interface RackSources {
  readonly config: ConfigSource;
  readonly store: RackStore;
  readonly isLoader: (file: string) => boolean;
  /** Sends a magic packet to a card, through the network of that name. Rejects with an Error for people. */
  readonly wake: (card: Mac, network: string | undefined) => Promise<void>;
  readonly onEntry: (entry: AddedEntry) => void;
  /** Something that people should look into. */
  readonly onWarning: (warning: string) => void;
  readonly onError: (error: Error) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What a rack has written down. */
export type RackStore = Pick<
  Store,
  | 'machines'
  | 'saveMachine'
  | 'removeMachine'
  | 'boots'
  | 'saveBoot'
  | 'removeBoots'
  | 'decisions'
  | 'saveDecision'
  | 'removeDecision'
  | 'indexes'
  | 'saveIndex'
  | 'removeIndex'
  | 'removeBootTokens'
  | 'events'
  | 'changes'
>;

/** Machines that nobody wrote down or decided about and that are remembered all the same. */
const MAX_UNKNOWN_MACHINES = 20_000;
/** Of these, the ones that never got as far as a script. */
const MAX_STRANGERS = 4_000;
/** One that never got as far as a script is forgotten after so many milliseconds. */
const STRANGER_AGE = 3_600_000;
/** How often what was learned about machines is written down, milliseconds. */
const SAVE_INTERVAL = 250;
/** Strangers written down in that time: most of a flood of them are forgotten before it is their turn. */
const SAVED_STRANGERS = 500;
/** One of a flood may be forgotten by then, milliseconds after it was first seen. */
const UNSAVED_STRANGER = 1_000;
/** How often boots are looked at for one that doesn't move, milliseconds. */
const WATCH_INTERVAL = 2_000;

/** Everything that is known of machines, and what keeps it up to date; takes up what the store remembers. Runs no timers. */
export function composeRack({
  config,
  store,
  isLoader,
  wake,
  onEntry,
  onWarning,
  onError,
  now,
}: RackSources) {
  const decisions = new Decisions({
    records: store.decisions(),
    save: (record) => store.saveDecision(record),
    remove: (mac) => store.removeDecision(mac),
    onError,
  });
  const indexes = new MachineIndexes({
    records: store.indexes(),
    onAssigned: (record) => store.saveIndex(record),
    onForgotten: (record) => store.removeIndex(record),
  });
  const registry = new MachineRegistry({
    machines: store.machines(),
    isKept: (mac) => config().machines.has(mac) || decisions.get(mac) !== undefined,
    capacity: MAX_UNKNOWN_MACHINES + config().machines.size + decisions.size,
    strangers: MAX_STRANGERS,
    onForgotten: (mac, saved) => {
      if (saved.machine) store.removeMachine(mac);
      if (saved.boots) {
        store.removeBoots(mac);
        store.removeBootTokens(mac);
      }
      indexes.forget(mac);
      watch.forget(mac);
      timelines.forget(mac);
      announcer.forget(mac);
      feed.forgot(mac);
    },
    onChanged: (mac) => announcer.touch(mac),
    onBootEnded: (mac, boot) => store.saveBoot(mac, boot),
  });
  const identifier = createIdentifier(config, registry, indexes, decisions);

  const feed = new MachineFeed({
    view: (mac) => rack.machine(mac),
    isStranger: (mac) => registry.isStranger(mac),
    onError,
  });
  const journal = new EventJournal({ events: store.events, changes: store.changes, feed, now, onError });
  const limit = new EventLimit();
  /** False when it is left out: there is too much of it. */
  const publish = (happening: Happening): boolean => {
    const isStrange = 'mac' in happening && happening.mac !== undefined && registry.isStranger(happening.mac);
    const admitted = isStrange ? limit.admit(happening, now()) : happening;
    if (admitted) journal.publish(admitted);
    if (admitted !== happening && admitted) onWarning(admitted.detail);
    return admitted === happening;
  };
  const timelines = new Timelines({
    registry,
    hostnameOf: (mac) => identifier.lookUp(mac).hostname,
    onEntry: (entry) => {
      if (publish({ type: 'boot', ...entry })) onEntry(entry);
    },
  });
  const watch = new BootWatch(registry.all(), {
    machine: (mac) => registry.get(mac),
    expected: (mac) => {
      const identity = identifier.lookUp(mac);
      return identity.admission === 'boot' ? expectationsOf(identity.profile) : undefined;
    },
    onStuck: (mac, { cause }, at) => {
      timelines.add(mac, 'stuck', cause, at);
      announcer.touch(mac);
    },
    onChanged: (mac) => announcer.touch(mac),
  });
  const rack = createRack({
    config,
    registry,
    decisions,
    identifier,
    watch,
    indexes,
    timelines,
    earlierBoots: (mac) => store.boots(mac),
    preview: async (identity) => previewBoot(identity, config, registry),
    wake,
    publish,
    changesWritten: () => journal.changesWritten(),
    onChanged: (mac) => (rack.machine(mac) ? announcer.touch(mac) : feed.forgot(mac)),
    now,
  });
  const announcer = new Announcer({
    view: (mac) => rack.machine(mac),
    registry,
    publish,
    onChanged: (mac) => feed.changed(mac),
    now,
  });

  return {
    registry,
    decisions,
    indexes,
    identifier,
    watch,
    rack,
    journal,
    announcer,
    /** Follows the boots on a network. */
    tracker: (network: string) =>
      new BootTracker(network, {
        registry,
        timelines,
        watch,
        decisions,
        identify: identifier.lookUp,
        isLoader,
        rows: () => config().firmware.loaders,
        warn(detail) {
          const notice = limit.admit({ type: 'notice', severity: 'warning', detail }, now());
          if (notice) journal.publish(notice);
        },
      }),
    /** Writes down what was learned since the last time, of strangers no more than so many, and none of the last moments. */
    save(strangers?: number) {
      const firstSeen = strangers === undefined ? undefined : now() - UNSAVED_STRANGER;
      for (const machine of registry.takeChanged(strangers, firstSeen)) store.saveMachine(machine);
    },
    /** Looks for boots that don't move, and forgets strangers. */
    tick() {
      watch.tick(now());
      registry.forgetStrangers(now(), STRANGER_AGE);
    },
    stop() {
      announcer.flush();
      announcer.stop();
      feed.stop();
      this.save();
      journal.flush();
    },
  };
}

/** Our own wire, and the far one where a machine was last seen. */
function wakeSubnets(network: Network, seen: Ipv4 | undefined): readonly Subnet[] {
  const far = subnetsOf(network).find(({ subnet }) => seen !== undefined && contains(subnet, seen));
  return far && far.subnet.network !== network.subnet.network
    ? [network.subnet, far.subnet]
    : [network.subnet];
}

/** The rack of a service that runs. */
export interface RackService {
  readonly registry: MachineRegistry;
  readonly identifier: Identifier;
  readonly rack: Rack;
  readonly journal: Journal;
  /** Follows the boots on a network. */
  tracker(network: string): BootTracker;
  /** Looks at all machines, a few at a time, for those that are in another state: after the start, and with another configuration. */
  lookAtAll(): void;
  /** The clock was set by so many milliseconds. */
  clockSet(by: number): void;
  /** Writes down what is left. */
  stop(): void;
}

/** Takes up what the store remembers of machines and goes on from there. */
export function openRack({
  logger,
  ...sources
}: Pick<RackSources, 'config' | 'store' | 'isLoader'> & { readonly logger: Logger }): RackService {
  const parts = composeRack({
    ...sources,
    async wake(card, name) {
      const { networks } = sources.config();
      const own = networks.filter((network) => network.name === name);
      // One that was approved before it was seen can be anywhere.
      for (const network of own.length > 0 ? own : networks) {
        await sendMagicPacket(
          { ...network, subnets: wakeSubnets(network, parts.registry.get(card)?.address) },
          card,
        );
      }
    },
    onEntry: (entry) => logEntry(logger, entry),
    onWarning: (warning) => logger.warn(warning),
    onError: (error) =>
      logger.error({ err: error }, 'something about machines could not be told or written down'),
    now: Date.now,
  });
  const saving = setInterval(() => parts.save(SAVED_STRANGERS), SAVE_INTERVAL);
  const watching = setInterval(() => parts.tick(), WATCH_INTERVAL);
  return {
    registry: parts.registry,
    identifier: parts.identifier,
    rack: parts.rack,
    journal: parts.journal,
    tracker: parts.tracker,
    lookAtAll: () => parts.announcer.touchAll(),
    clockSet: (by) => parts.watch.clockSet(by),
    stop() {
      clearInterval(saving);
      clearInterval(watching);
      parts.stop();
    },
  };
}
