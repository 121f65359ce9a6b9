import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { LOADERS } from '../../src/boot/loaders.ts';
import type { Config, MachineEntry, Network, Profile } from '../../src/config/config.ts';
import { resolveImages } from '../../src/config/images.ts';
import type { HttpEvent } from '../../src/http/events.ts';
import { FileCache } from '../../src/http/file-cache.ts';
import { GuessLimit } from '../../src/http/guess-limit.ts';
import { createProvisioningApp, type ProvisioningOptions } from '../../src/http/provisioning.ts';
import { RenderedDocuments } from '../../src/http/rendered-documents.ts';
import { Turns } from '../../src/http/turns.ts';
import { createServedCheck } from '../../src/images/served-check.ts';
import { BootTokens } from '../../src/machines/boot-tokens.ts';
import { identify } from '../../src/machines/identity.ts';
import { type Ipv4, parseCidr } from '../../src/net/ipv4.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';

/** A machine with an entry of its own: worker-01, rack 7, profile worker. */
export const KNOWN = parseMac('52:54:00:00:00:01') as Mac;
/** What that machine told as its SMBIOS uuid. */
export const UUID = '4c4c4544-0038-5a10-8051-cac04f4c4d31';
/** A machine whose profile boots from its disk and has no cloud-config. */
export const DISK = parseMac('52:54:00:00:00:02') as Mac;
/** A machine nobody wrote down. */
export const UNKNOWN = parseMac('52:54:00:00:00:99') as Mac;

const cidr = parseCidr('192.168.0.254/24');

/** A network as the configuration would give it. */
export const NETWORK: Network = {
  name: 'kubernetes1',
  interface: 'eth1',
  address: cidr?.address ?? (0 as Ipv4),
  subnet: cidr?.subnet as Network['subnet'],
  dhcp: {
    mode: 'authoritative',
    ranges: [],
    lease: 3600,
    quarantine: 600,
    bootp: 'drop',
    rapidCommit: false,
    conflictCheck: false,
    vendorOptions: [],
    dns: [],
    ntp: [],
    search: [],
    routes: [],
    options: new Map(),
  },
  shared: [],
  relayed: [],
  http: { port: 80 },
  https: { port: 443 },
  tftp: { singlePort: false },
  syslog: { enabled: true },
};

/** A configuration with the two machines above. */
export function testConfig(changes: Partial<Config> = {}): Config {
  const worker: Profile = {
    name: 'worker',
    chain: ['worker'],
    boot: {
      kind: 'image',
      image: 'flatcar/1',
      kernel: 'vmlinuz',
      initrds: ['initrd.gz'],
      args: [],
      document: 'cloud-config',
      secrets: 'https',
    },
    cloudConfig: { hostname: '{{ machine.hostname }}' },
  };
  const disk: Profile = { name: 'disk', chain: ['disk'], boot: { kind: 'local-disk' } };
  const entries: MachineEntry[] = [
    { mac: KNOWN, hostname: 'worker-01', labels: { rack: '7', 'fail-zone': 'a\nb' }, adoptDisk: false },
    { mac: DISK, hostname: 'old-server', profile: 'disk', labels: {}, adoptDisk: false },
  ];
  return {
    directory: '/etc/rackseed',
    networks: [NETWORK],
    unknownMachines: 'hold',
    defaultProfile: 'worker',
    profiles: new Map([worker, disk].map((profile) => [profile.name, profile])),
    rules: [],
    machines: new Map(entries.map((entry) => [entry.mac, entry])),
    ports: [],
    assets: { directory: '/nonexistent', memory: 0 },
    images: resolveImages({}, '/nonexistent'),
    firmware: { directory: '/nonexistent', loaders: LOADERS },
    admin: { listen: { host: '127.0.0.1', port: 0 }, local: { host: '127.0.0.1', port: 0 }, names: [] },
    store: { directory: '/nonexistent' },
    bootToken: 900,
    webhooks: [],
    ...changes,
  };
}

/** Boot tokens that are kept in memory only, good for a quarter of an hour. */
export function testTokens(): BootTokens {
  return new BootTokens({ records: [], save: async () => {}, remove: () => {}, lifetime: () => 900_000 });
}

/** What a test may change about the app. */
export type Changes = Partial<ProvisioningOptions> & {
  readonly memory?: number;
  readonly settings?: Partial<Config>;
};

/** A provisioning app for one test, with everything it reported. */
export interface TestApp {
  readonly app: FastifyInstance;
  readonly cache: FileCache;
  readonly events: HttpEvent[];
  readonly told: unknown[][];
  /** The assets folder, empty at first. */
  readonly folder: string;
  /** A token for a machine at this address, 127.0.0.1 unless given. */
  token(mac?: Mac, address?: string): Promise<string>;
  /** Waits for the nth event of a type. */
  event<T extends HttpEvent['type']>(type: T, count?: number): Promise<Extract<HttpEvent, { type: T }>>;
  /** Listens on loopback; gives the URL without a slash at the end. */
  listen(): Promise<string>;
}

/** Makes a provisioning app over an empty assets folder; both are gone when the test ends. */
export async function createTestApp(t: ExecutionContext, changes: Changes = {}): Promise<TestApp> {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-assets-'));
  const config = testConfig({
    assets: { directory: folder, memory: changes.memory ?? 64 << 20 },
    firmware: { directory: join(folder, 'loaders'), loaders: LOADERS },
    ...changes.settings,
  });
  const cache = new FileCache(() => config.assets.memory);
  const events: HttpEvent[] = [];
  const told: unknown[][] = [];
  const arrived = new EventTarget();
  const tokens = changes.tokens ?? testTokens();
  const app = createProvisioningApp({
    network: NETWORK,
    config: () => config,
    identify: (mac) => identify((changes.config ?? (() => config))(), mac),
    cache,
    checkFile: createServedCheck(
      () => config.assets.directory,
      () => {},
    ),
    turns: new Turns(() => performance.now()),
    fillArgs: () => ['console=ttyS0'],
    renderDocument: async ({ hostname }) => ({
      text: `#cloud-config\nhostname: ${hostname}\n`,
    }),
    rendered: new RenderedDocuments(),
    tokens,
    guesses: new GuessLimit(),
    bootCa: () => 'CA\n',
    now: Date.now,
    leasedAddress: () => '127.0.0.1',
    machineAt: (address) => (address === '127.0.0.1' ? KNOWN : undefined),
    findByUuid: (uuid) => (uuid === UUID ? KNOWN : undefined),
    onInventory: (...said) => told.push(said),
    observe: (event) => {
      events.push(event);
      arrived.dispatchEvent(new Event('event'));
    },
    ready: () => true,
    logger: pino({ level: 'silent' }),
    ...changes,
  });
  t.teardown(async () => {
    await app.close();
    await rm(folder, { recursive: true });
  });
  return {
    app,
    cache,
    events,
    told,
    folder,
    token: (mac = KNOWN, address = '127.0.0.1') =>
      tokens.issue(mac, address, 'http', (changes.now ?? Date.now)()),
    async event(type, count = 1) {
      for (;;) {
        const found = events.filter((event) => event.type === type)[count - 1];
        if (found) return found as Extract<HttpEvent, { type: typeof type }>;
        await once(arrived, 'event');
      }
    },
    async listen() {
      await app.listen({ host: '127.0.0.1', port: 0 });
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    },
  };
}
