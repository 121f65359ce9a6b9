import type { Config } from '../config/config.ts';
import type { Mac } from '../net/mac.ts';
import type { BootWatch } from './boot-watch.ts';
import type { DecisionRecord, Decisions } from './decisions.ts';
import { expectationsOf } from './expectations.ts';
import type { Identifier } from './identifier.ts';
import type { Identity } from './identity.ts';
import type { SeenMachine } from './machine.ts';
import type { Decision, MachineView } from './rack.ts';
import type { MachineRegistry } from './registry.ts';
import { stateOf } from './state.ts';
import { lastStage } from './timeline.ts';

/** What machines are shown from. */
export interface ViewSources {
  readonly config: () => Config;
  readonly registry: MachineRegistry;
  readonly decisions: Decisions;
  readonly identifier: Identifier;
  readonly watch: BootWatch;
}

/** A card as it was seen, and who it is. */
interface Card {
  readonly seen: SeenMachine;
  readonly identity: Identity;
}

/** The machine that a card belongs to; undefined for a card that was neither seen nor approved. */
export function viewOf(mac: Mac, sources: ViewSources): MachineView | undefined {
  const { registry, decisions } = sources;
  const seen = registry.get(mac);
  if (seen) return viewSeen(machineCards(seen, sources), sources);
  const record = decisions.get(mac);
  return record && viewUnseen(record, sources);
}

/** Every machine that there is when the first is asked for, each as it is when it is its turn. */
export function* allViews(sources: ViewSources): Generator<MachineView> {
  const { registry, decisions } = sources;
  // Machines that are seen meanwhile move to the end of the registry: without a list this might never end.
  const macs = Array.from(registry.all(), ({ mac }) => mac);
  for (const { mac } of decisions.all()) if (!registry.get(mac)) macs.push(mac);
  for (const mac of macs) {
    const seen = registry.get(mac);
    const record = decisions.get(mac);
    if (seen) {
      const cards = machineCards(seen, sources);
      if (mainCard(cards).seen === seen) yield viewSeen(cards, sources);
    } else if (record) {
      yield viewUnseen(record, sources);
    }
  }
}

/** The addresses of all cards of a machine, one that wasn't seen included. */
export function cardsOf(mac: Mac, sources: ViewSources): readonly Mac[] {
  const seen = sources.registry.get(mac);
  return seen ? machineCards(seen, sources).map((card) => card.seen.mac) : [mac];
}

/**
 * The cards that show the same uuid and are dealt with in the same way. Anybody can send any uuid, so one that waits for
 * approval is a machine of its own, whatever it looks like.
 */
function machineCards(seen: SeenMachine, { registry, identifier }: ViewSources): readonly Card[] {
  const own: Card = { seen, identity: identifier.lookUp(seen.mac) };
  const alike = registry.cards(seen.mac);
  if (alike.length < 2) return [own];
  const others = alike
    .filter(({ mac }) => mac !== seen.mac)
    .map((other) => ({ seen: other, identity: identifier.lookUp(other.mac) }))
    .filter(({ identity }) => standingOf(identity) === standingOf(own.identity));
  return [own, ...others].sort((a, b) => (a.seen.mac < b.seen.mac ? -1 : 1));
}

function standingOf(identity: Identity): string {
  return identity.admission === 'boot' ? 'boot' : (identity.verdict ?? 'waiting');
}

/** The card that the machine booted with last, or was seen with last when it never did. */
function mainCard(cards: readonly Card[]): Card {
  return cards.reduce((main, card) => (isNewer(card.seen, main.seen) ? card : main));
}

function isNewer(one: SeenMachine, other: SeenMachine): boolean {
  const [a, b] = [one.boot?.began ?? 0, other.boot?.began ?? 0];
  return a === b ? one.lastSeen > other.lastSeen : a > b;
}

function viewSeen(cards: readonly Card[], sources: ViewSources): MachineView {
  const { decisions, watch } = sources;
  const { seen, identity } = mainCard(cards);
  const { mac, boot, standing, address, firmware, loader, attachment } = seen;
  const isAdmitted = identity.admission === 'boot';
  const stuck = isAdmitted ? watch.stuck(mac) : undefined;
  const progress = watch.progress(mac);
  const state = stateOf({
    admission: identity.admission,
    verdict: isAdmitted ? undefined : identity.verdict,
    boot,
    expected: isAdmitted ? expectationsOf(identity.profile) : undefined,
    isStuck: stuck !== undefined,
  });
  const stage = lastStage(boot);
  const record = decisions.get(mac);
  const records = cards.flatMap((card) => decisions.get(card.seen.mac) ?? []);
  return {
    mac,
    cards: cards.map((card) => card.seen.mac),
    state,
    since: standing?.state === state ? standing.since : (stage?.at ?? seen.lastSeen),
    ...identityFields(identity, sources),
    ...(record && { decision: shown(record) }),
    network: seen.network,
    ...(address !== undefined && { address }),
    ...(firmware !== undefined && { firmware }),
    ...(loader !== undefined && { loader }),
    ...(attachment && { attachment }),
    inventory: Object.assign({}, ...cards.map((card) => card.seen.inventory), seen.inventory),
    firstSeen: Math.min(...cards.map((card) => card.seen.firstSeen)),
    lastSeen: Math.max(...cards.map((card) => card.seen.lastSeen)),
    ...(stage && { stage: stage.kind, stageAt: stage.at }),
    ...(progress && { progress }),
    ...(stuck && { stuck }),
    revision: Math.max(0, ...records.map(({ revision }) => revision)),
  };
}

/** A machine that somebody decided about before it came. */
function viewUnseen(record: DecisionRecord, sources: ViewSources): MachineView {
  const { mac, at, revision } = record;
  const identity = sources.identifier.lookUp(mac);
  const isAdmitted = identity.admission === 'boot';
  return {
    mac,
    cards: [mac],
    state: isAdmitted ? 'approved' : (identity.verdict ?? 'discovered'),
    since: at,
    ...identityFields(identity, sources),
    decision: shown(record),
    network: sources.config().networks[0]?.name ?? '',
    inventory: {},
    firstSeen: at,
    lastSeen: at,
    revision,
  };
}

function identityFields(identity: Identity, sources: ViewSources) {
  const { admission, hostname, reason, mac } = identity;
  const place = sources.config().machines.get(mac)?.place;
  if (admission === 'boot') {
    const { profile, index, labels } = identity;
    return {
      hostname,
      profile: profile.name,
      ...(index !== undefined && { index }),
      admission,
      reason,
      labels,
      ...(place !== undefined && { place }),
    };
  }
  const twin = identity.verdict === undefined ? admittedTwin(mac, sources) : undefined;
  const looks = twin ? `; its uuid is that of ${twin.hostname} (${twin.mac}), which may boot` : '';
  return { hostname, admission, reason: `${reason}${looks}`, labels: {} };
}

/** A card with the same uuid that may boot. */
function admittedTwin(mac: Mac, { registry, identifier }: ViewSources): Identity | undefined {
  return registry
    .cards(mac)
    .filter((card) => card.mac !== mac)
    .map((card) => identifier.lookUp(card.mac))
    .find(({ admission }) => admission === 'boot');
}

/** What is decided, without what a boot has used up. */
function shown({ once, revision: _, bootOnce, ...decision }: DecisionRecord): Decision {
  if (once === 'done') return { ...decision, adoptDisk: false };
  return { ...decision, ...(bootOnce !== undefined && { bootOnce }) };
}
