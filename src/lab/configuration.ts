import { access, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { dump, load } from 'js-yaml';
import { imageFamily } from '../config/image-family.ts';
import { createLabCluster, type LabCluster, writeKubernetesAssets } from './cluster.ts';
import type { Guest } from './guests.ts';
import type { Image } from './image.ts';
import { packageRoot } from './package-root.ts';

/** The one network of a lab. */
export const LAB_NETWORK = {
  name: 'kubernetes1',
  interface: 'kubernetes1',
  mac: '52:54:00:ff:00:fe',
  address: '192.168.0.254/24',
} as const;

const SERVER = '192.168.0.254';

/** Where a lab's image lies below its assets. */
const IMAGE = { image: 'lab/current', kernel: 'vmlinuz', initrd: 'initrd.img' } as const;

/** What machines get by default from the lab's own profiles. */
const PROFILES: Readonly<Record<Guest, string>> = { small: 'lab', debian: 'lab-cloud-config' };

/** A machine to switch on, as the configuration knows it. */
export interface LabMachineEntry {
  readonly mac: string;
  readonly hostname: string;
}

export interface LabConfigurationOptions {
  /** An empty folder of this lab's own. */
  readonly directory: string;
  readonly image: Image;
  /** Chooses among the lab's own profiles. */
  readonly guest: Guest;
  /** The profile that machines get by default, in place of what the folder says. */
  readonly profile?: string;
  /** How many machines to switch on. */
  readonly count: number;
  /** An administrator's configuration folder; the lab's own profile and machines when left out. */
  readonly source?: string;
  /** Unix socket for the admin app. */
  readonly adminSocket: string;
  /** Added to the network's `dhcp`. */
  readonly dhcp?: Readonly<Record<string, unknown>>;
  /** Added to rackseed.yaml. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** A configuration folder the service can start with, and the machines that belong to it. */
export interface LabConfiguration {
  readonly directory: string;
  readonly machines: readonly LabMachineEntry[];
}

interface Rackseed {
  readonly unknown_machines?: unknown;
  readonly default_profile?: unknown;
  readonly firmware?: { readonly directory?: unknown };
}

interface Profile {
  readonly boot?: Readonly<Record<string, unknown>>;
  readonly kubernetes?: { readonly kubelet?: { readonly source?: unknown; readonly version?: unknown } };
}

interface Machines {
  readonly machines?: readonly { readonly mac?: unknown; readonly hostname?: unknown }[];
}

/**
 * Writes the configuration of a lab: its network, sockets and folders, with the profiles and machines of `source`.
 * An administrator's folder is used like this:
 * - `profiles/*.yaml` as they are, but with the lab's image (or the one of --image) in place of theirs;
 * - `machines/*.yaml` as they are; the first ones in them are switched on. When there are fewer than `count`, further
 *   machines 52:54:00:00:00:01, … that nobody wrote down join them;
 * - `default_profile`, `unknown_machines` and `firmware` of `rackseed.yaml`, the rest of which is about another network
 *   and another cluster: the lab has a CA of its own, and stand-ins for the kubelets that profiles download.
 * @throws when the folder has no profiles, or none that is called `profile`
 */
export async function writeLabConfiguration(options: LabConfigurationOptions): Promise<LabConfiguration> {
  const { directory, source } = options;
  const config = join(directory, 'config');
  for (const folder of ['config/profiles', 'config/machines', `assets/${IMAGE.image}`, 'pki', 'store']) {
    await mkdir(join(directory, folder), { recursive: true });
  }
  for (const file of [IMAGE.kernel, IMAGE.initrd]) {
    await copyFile(join(options.image.directory, file), join(directory, 'assets', IMAGE.image, file));
  }

  const from = source ?? join(packageRoot, 'lab/config');
  const profiles = await readYaml<Profile>(join(from, 'profiles'));
  if (profiles.size === 0) throw new Error(`${join(from, 'profiles')} holds no profile (NAME.yaml)`);
  for (const [file, profile] of profiles) {
    await writeFile(join(config, 'profiles', file), dump(withImage(profile)));
    const { source, version } = profile.kubernetes?.kubelet ?? {};
    if (source === 'assets') await writeKubernetesAssets(join(directory, 'assets'), String(version));
  }
  const written = await readYaml<Machines>(join(from, 'machines'));
  for (const [file, machines] of written) await writeFile(join(config, 'machines', file), dump(machines));
  const known = [...written.values()].flatMap((file) => file.machines ?? []);
  const machines = chooseMachines(known, options.count);
  if (source === undefined) await writeFile(join(config, 'machines/lab.yaml'), dump({ machines }));

  const theirs = (await readYaml<Rackseed>(from)).get('rackseed.yaml') ?? {};
  const firmware = await firmwareFolder(from, theirs);
  const names = [...profiles.keys()].map((file) => file.replace(/\.yaml$/, ''));
  const wanted = options.profile ?? (source === undefined ? PROFILES[options.guest] : theirs.default_profile);
  if (options.profile !== undefined && !names.includes(options.profile)) {
    throw new Error(`there is no profile ${options.profile} in ${from}: it has ${names.join(', ')}`);
  }
  const defaultProfile = wanted ?? names[0];
  const cluster = await createLabCluster(join(directory, 'pki'), SERVER);
  await writeFile(
    join(config, 'rackseed.yaml'),
    dump(rackseedYaml({ ...options, theirs, defaultProfile, firmware, cluster })),
  );
  return { directory: config, machines };
}

/** The folder of the iPXE binaries: theirs, this package's own, or undefined for the service's default. */
async function firmwareFolder(from: string, theirs: Rackseed): Promise<string | undefined> {
  const written = theirs.firmware?.directory;
  if (typeof written === 'string') return resolve(from, written);
  const own = join(packageRoot, 'ipxe/firmware');
  return access(own).then(
    () => own,
    () => undefined,
  );
}

interface RackseedParts extends LabConfigurationOptions {
  readonly theirs: Rackseed;
  readonly defaultProfile: unknown;
  readonly firmware: string | undefined;
  readonly cluster: LabCluster;
}

/** rackseed.yaml of a lab. */
function rackseedYaml(parts: RackseedParts): object {
  const { directory, adminSocket, dhcp, settings, theirs, defaultProfile, firmware, cluster } = parts;
  return {
    networks: [
      {
        name: LAB_NETWORK.name,
        interface: LAB_NETWORK.interface,
        address: LAB_NETWORK.address,
        dhcp: {
          mode: 'authoritative',
          range: '192.168.0.1-192.168.0.100',
          lease: '1h',
          router: SERVER,
          dns: [SERVER],
          domain: 'kubernetes.local',
          ...dhcp,
        },
      },
    ],
    unknown_machines: theirs.unknown_machines ?? 'hold',
    default_profile: defaultProfile,
    kubernetes: cluster,
    assets: { directory: join(directory, 'assets') },
    ...(firmware !== undefined && { firmware: { directory: firmware } }),
    admin: { listen: `unix:${adminSocket}` },
    store: { lmdb: join(directory, 'store') },
    ...settings,
  };
}

/** The profile with the lab's image, which reads the document that the one in its place would. */
function withImage(profile: Profile): Profile {
  if (profile.boot?.local_disk) return profile;
  const { image, rootfs: _, ...boot } = profile.boot ?? {};
  const document = typeof image === 'string' && { document: imageFamily(image).document };
  return { ...profile, boot: { ...document, ...boot, ...IMAGE } };
}

/** The first `count` machines that are written down, filled up with ones that are not. */
export function chooseMachines(known: NonNullable<Machines['machines']>, count: number): LabMachineEntry[] {
  const ofMachines = known.filter(({ mac }) => mac !== undefined);
  const named = ofMachines.slice(0, count).map(({ mac, hostname }, index) => ({
    mac: String(mac).toLowerCase().replaceAll('-', ':'),
    hostname: typeof hostname === 'string' ? hostname : workerName(index + 1),
  }));
  const taken = new Set(named.map(({ mac }) => mac));
  for (let number = 1; named.length < count; number += 1) {
    const mac = `52:54:00:00:${hex(number >> 8)}:${hex(number & 0xff)}`;
    if (!taken.has(mac)) named.push({ mac, hostname: workerName(named.length + 1) });
  }
  return named;
}

function workerName(number: number): string {
  return `worker-${String(number).padStart(2, '0')}`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** The parsed YAML files of a folder by name, in alphabetical order; none when there is no such folder. */
async function readYaml<Shape>(directory: string): Promise<Map<string, Shape>> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files = new Map<string, Shape>();
  for (const name of names.filter((name) => name.endsWith('.yaml')).sort()) {
    files.set(name, (load(await readFile(join(directory, name), 'utf8')) ?? {}) as Shape);
  }
  return files;
}
