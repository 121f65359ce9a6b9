import type { Config } from '../../src/config/config.ts';
import type { DhcpClient } from '../../src/dhcp/client.ts';
import type { DecisionRecord } from '../../src/machines/decisions.ts';
import type { JournalStore } from '../../src/machines/event-journal.ts';
import type { MachineIndex } from '../../src/machines/indexes.ts';
import type { JournalEvent } from '../../src/machines/journal.ts';
import type { Boot, SeenMachine } from '../../src/machines/machine.ts';
import { isStage } from '../../src/machines/timeline.ts';
import { formatIpv4, type Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import { composeRack, type RackStore } from '../../src/rack-service.ts';
import { ip } from './dhcp.ts';
import { KNOWN, testConfig } from './provisioning.ts';

/** What a rack remembers from before, and how it is made. */
export interface RackSettings {
  readonly machines?: readonly SeenMachine[];
  readonly decisions?: readonly DecisionRecord[];
  readonly config?: Partial<Config>;
}

/** A named double of the store: it keeps everything in memory, and can be made to fail. */
export class MemoryStore implements RackStore {
  readonly savedMachines = new Map<Mac, SeenMachine>();
  readonly savedDecisions = new Map<Mac, DecisionRecord>();
  readonly savedIndexes = new Map<string, MachineIndex>();
  readonly #boots = new Map<Mac, Boot[]>();
  readonly events = memoryJournal();
  readonly changes = memoryJournal();
  /** What `saveDecision` rejects with. */
  failure: Error | undefined;

  machines = () => [...this.savedMachines.values()];
  saveMachine = (machine: SeenMachine) => void this.savedMachines.set(machine.mac, machine);
  removeMachine = (mac: Mac) => void this.savedMachines.delete(mac);
  boots = (mac: Mac) => this.#boots.get(mac) ?? [];
  saveBoot = (mac: Mac, boot: Boot) => void this.#boots.set(mac, [boot, ...this.boots(mac)]);
  removeBoots = (mac: Mac) => void this.#boots.delete(mac);
  decisions = () => [...this.savedDecisions.values()];
  saveDecision = async (record: DecisionRecord) => {
    if (this.failure) throw this.failure;
    this.savedDecisions.set(record.mac, record);
  };
  removeDecision = async (mac: Mac) => void this.savedDecisions.delete(mac);
  indexes = () => [...this.savedIndexes.values()];
  saveIndex = (index: MachineIndex) => void this.savedIndexes.set(`${index.profile} ${index.mac}`, index);
  removeIndex = (index: MachineIndex) => void this.savedIndexes.delete(`${index.profile} ${index.mac}`);
  removeBootTokens = () => {};
}

/** A named double of where a journal is written down. */
export function memoryJournal(): JournalStore & { readonly written: JournalEvent[] } {
  const written: JournalEvent[] = [];
  return {
    written,
    all: () => [...written],
    async append(events, first) {
      written.push(...events);
      written.splice(
        0,
        written.findIndex(({ id }) => id >= first),
      );
    },
  };
}

/** A whole rack without sockets, disk or clock, and what it told. */
export function testRack({ config: changes = {}, machines = [], decisions = [] }: RackSettings = {}) {
  const settings = { config: testConfig(changes), now: 1_000, wakeFailure: undefined as Error | undefined };
  const woken: (readonly [card: Mac, network: string | undefined])[] = [];
  const store = new MemoryStore();
  for (const machine of machines) store.saveMachine(machine);
  for (const record of decisions) store.savedDecisions.set(record.mac, record);
  const lines: string[] = [];
  const parts = composeRack({
    config: () => settings.config,
    store,
    isLoader: (file) => file.endsWith('.kpxe') || file.endsWith('.efi'),
    wake: async (card, network) => {
      if (settings.wakeFailure) throw settings.wakeFailure;
      woken.push([card, network]);
    },
    onEntry: ({ hostname, mac, detail }) => lines.push(`${hostname} ${mac} ${detail}`),
    onWarning: (warning) => lines.push(warning),
    onError: (error) => lines.push(error.message),
    now: () => settings.now,
  });
  const published: JournalEvent[] = [];
  parts.journal.subscribe((event) => published.push(event));
  return {
    ...parts,
    settings,
    store,
    tracker: parts.tracker('kubernetes1'),
    published,
    lines,
    /** The cards that were sent a magic packet, and the network it left by. */
    woken,
    /** The states that were told of machines, in order. */
    states: () => {
      parts.announcer.flush();
      return published.flatMap((event) => (event.type === 'state' ? [event.state] : []));
    },
    stages: (mac: Mac = KNOWN) =>
      (parts.registry.get(mac)?.boot?.entries ?? []).flatMap(({ kind }) => (isStage(kind) ? [kind] : [])),
    entries: (mac: Mac = KNOWN) =>
      (parts.registry.get(mac)?.boot?.entries ?? []).map(({ kind, detail }) => `${kind}: ${detail}`),
  };
}

export type TestRack = ReturnType<typeof testRack>;

/** A machine that does to a rack what a real one does to the servers. Each step takes a second. */
export function bootingMachine(rack: TestRack, mac: Mac = KNOWN, address: Ipv4 = ip('192.168.0.7')) {
  const { tracker, settings } = rack;
  const client = { address: formatIpv4(address), port: 2070 };
  const tick = () => {
    settings.now += 1_000;
    return settings.now;
  };
  const BIOS: DhcpClient = { mac, architectures: [0], vendorClass: 'PXEClient' };
  const IPXE: DhcpClient = { mac, architectures: [0], userClass: 'iPXE' };
  const LINUX: DhcpClient = { mac, architectures: [] };
  const answered = (who: DhcpClient, reply: 'OFFER' | 'ACK') =>
    tracker.dhcp(
      {
        type: 'answered',
        client: who,
        request: reply === 'OFFER' ? 'DISCOVER' : 'SELECTING',
        reply,
        address,
        milliseconds: 1,
      },
      tick(),
    );
  const started = (file = 'undionly.kpxe') =>
    tracker.tftp({ type: 'started', client, file, size: 68_000 }, tick());
  const asset = (path: string, { complete = true, bytes = 8_100_000, size = 8_100_000 } = {}) =>
    tracker.http(
      {
        type: 'asset',
        address: client.address,
        path,
        bytes,
        size,
        complete,
        milliseconds: 400,
        source: 'memory',
      },
      tick(),
    );
  return {
    mac,
    client,
    BIOS,
    IPXE,
    LINUX,
    tick,
    discover: (who: DhcpClient) => answered(who, 'OFFER'),
    dhcp(who: DhcpClient) {
      answered(who, 'OFFER');
      answered(who, 'ACK');
    },
    started,
    loader(file = 'undionly.kpxe') {
      started(file);
      tracker.tftp(
        { type: 'done', client, file, bytes: 68_000, milliseconds: 100, retransmissions: 0 },
        tick(),
      );
    },
    fails: (bytes: number, file = 'undionly.kpxe') =>
      tracker.tftp(
        { type: 'failed', client, file, bytes, reason: 'timeout', detail: 'the client stopped answering' },
        tick(),
      ),
    script: (answer: 'boot' | 'hold' | 'local-disk' = 'boot') =>
      tracker.http({ type: 'script', mac, address: client.address, answer }, tick()),
    asset,
    kernel: () => asset('/assets/flatcar/1/vmlinuz'),
    initrd: () => asset('/assets/flatcar/1/initrd.gz'),
    document: () =>
      tracker.http(
        { type: 'document', mac, address: client.address, format: 'cloud-config', bytes: 1234 },
        tick(),
      ),
    refused: (route: string, status: number, reason: string) =>
      tracker.http({ type: 'refused', address: client.address, route, status, reason }, tick()),
    says: (stage: string, detail = '') =>
      tracker.http({ type: 'phone-home', mac, address: client.address, stage, detail }, tick()),
    /** Lets time pass, looking for what is stuck as the service does. */
    wait(seconds: number) {
      for (let second = 0; second < seconds; second += 2) {
        settings.now += 2_000;
        rack.watch.tick(settings.now);
      }
    },
  };
}
