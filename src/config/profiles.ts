import { hostnameStem } from '../machines/hostname.ts';
import { checkCloudInit } from '../provision/check-cloud-init.ts';
import { checkIgnition } from '../provision/check-ignition.ts';
import { checkCloudConfig } from '../provision/cloud-config.ts';
import { checkDockerDisk } from '../provision/docker-disk.ts';
import { checkKubernetes } from '../provision/kubernetes.ts';
import type { DockerDisk, DocumentFormat, Profile, ProfileBoot, ProfileKubernetes } from './config.ts';
import { encodeOptions } from './dhcp-options.ts';
import { imageFamily } from './image-family.ts';
import { type Layered, merge, partAt, placeAt, plainValue, sourcesOf } from './layers.ts';
import { noProfile } from './machines.ts';
import type { Path, Problem } from './problem.ts';
import { type ProfileFile, profileChecker, readProfileFile } from './profile-file.ts';
import { PROFILE_DEFAULTS, type ProfileInput } from './profile-schema.ts';
import type { YamlFile } from './yaml.ts';

/** What profiles are read for. */
export interface ProfileSurroundings {
  /** Names of the profiles there are, broken ones included. */
  readonly names: readonly string[];
  /** Names of the profiles that machines are given. They must be complete; others may be there to be extended only. */
  readonly given: ReadonlySet<string>;
  /** True when rackseed.yaml says which cluster to join. */
  readonly hasCluster: boolean;
}

type Report = (path: Path, message: string, expected?: string) => void;

/** Reads the files of profiles/, by name of the profile, and puts each on top of those it extends. */
export function readProfiles(
  files: ReadonlyMap<string, YamlFile>,
  around: ProfileSurroundings,
): { profiles: Map<string, Profile>; problems: Problem[] } {
  const problems: Problem[] = [];
  const read = new Map<string, ProfileFile>();
  for (const [name, file] of files) {
    const result = readProfileFile(file, name);
    read.set(name, result.profile);
    problems.push(...result.problems);
  }
  problems.push(...checkBases(read, around.names));
  const found: Problem[] = [];
  const profiles = new Map<string, Profile>();
  for (const { name } of read.values()) {
    const chain = chainOf(name, read);
    const result = chain && buildProfile(chain, around);
    if (result?.profile) profiles.set(name, result.profile);
    found.push(...(result?.problems ?? []));
  }
  // A value that is wrong by itself is not to be told again for what follows from it.
  const told = new Set(problems.map(placeOf));
  return {
    profiles,
    problems: [...problems, ...unique(found.filter((problem) => !told.has(placeOf(problem))))],
  };
}

/** What is wrong with who extends whom. */
function checkBases(read: ReadonlyMap<string, ProfileFile>, names: readonly string[]): Problem[] {
  const inCircles = new Set<string>();
  return [...read.values()].flatMap(({ name, file, base }) => {
    if (base === undefined) return [];
    if (!names.includes(base)) {
      return file.problem(['extends'], ...noProfile(base, names));
    }
    const circle = circleFrom(name, read);
    if (circle.length === 0 || inCircles.has(name)) return [];
    for (const member of circle) inCircles.add(member);
    return file.problem(['extends'], `extends itself: ${[...circle, name].join(' → ')}`);
  });
}

/** The profiles that `name` extends before it comes to itself again, itself first; empty when it never does. */
function circleFrom(name: string, read: ReadonlyMap<string, ProfileFile>): string[] {
  const way = new Set<string>();
  let at: string | undefined = name;
  while (at !== undefined && !way.has(at)) {
    way.add(at);
    at = read.get(at)?.base;
  }
  return at === name ? [...way] : [];
}

/** A profile and those it extends, itself first; undefined when one of them can't be read. */
function chainOf(name: string, read: ReadonlyMap<string, ProfileFile>): ProfileFile[] | undefined {
  const chain: ProfileFile[] = [];
  let at: string | undefined = name;
  while (at !== undefined) {
    const profile = read.get(at);
    if (!profile || chain.includes(profile)) return undefined;
    chain.push(profile);
    at = profile.base;
  }
  return chain;
}

/** Puts a chain together; no profile when it can't be given to machines. */
function buildProfile(
  chain: readonly ProfileFile[],
  { given, hasCluster }: ProfileSurroundings,
): { profile?: Profile; problems: Problem[] } {
  const problems: Problem[] = [];
  const [first] = chain;
  if (!first) return { problems };
  const { name } = first;
  const whole = chain.map(({ content }) => content).reduceRight((base, over) => merge(base, over));
  const report: Report = (path, message, expected) => {
    const { file, path: written } = placeAt(whole, path);
    problems.push(file.problem(written, message, expected));
  };
  const bootsSomething =
    partAt(whole, ['boot', 'image']) !== undefined || partAt(whole, ['boot', 'local_disk']) !== undefined;
  if (!bootsSomething) {
    if (!given.has(name)) return { problems };
    const expected = 'image, or local_disk: true';
    const boot = partAt(whole, ['boot']);
    if (boot?.kind === 'mapping') report(['boot'], 'says nothing to boot', expected);
    if (!boot) problems.push(first.file.problem(['boot'], 'is missing', `a mapping with ${expected}`));
    return { problems };
  }
  const input = profileChecker.decode(plainValue(whole));
  if (!input) return { problems };
  const boot = resolveBoot(input.boot, report);
  if (input.kubernetes && !hasCluster) {
    report(['kubernetes'], 'needs a cluster to join', 'a kubernetes section in rackseed.yaml');
  }
  if (!boot) return { problems };
  const optionTable = partAt(whole, ['dhcp', 'options']);
  const dhcpOptions = encodeOptions(optionTable && plainValue(optionTable), (key) =>
    placeAt(whole, ['dhcp', 'options', key]),
  );
  problems.push(...dhcpOptions.problems);
  const profile: Profile = {
    name,
    chain: chain.map((link) => link.name),
    boot,
    ...(dhcpOptions.options.size > 0 && { dhcpOptions: dhcpOptions.options }),
    ...documentAt('cloudConfig', whole, 'cloud_config'),
    ...documentAt('ignition', whole, 'ignition'),
    ...documentAt('cloudInit', whole, 'cloud_init'),
    ...(input.docker_disk && { dockerDisk: resolveDisk(input.docker_disk, report) }),
    ...(input.preload && { preload: input.preload }),
    ...(input.kubernetes && { kubernetes: resolveKubernetes(input.kubernetes, report) }),
    origins: {
      files: originsOf(whole, ['cloud_config', 'write_files'], 'path'),
      units: originsOf(whole, ['cloud_config', 'coreos', 'units'], 'name'),
    },
  };
  for (const { path, message, expected } of faultsOf(withoutFaults(profile, input)))
    report(path, message, expected);
  return { profile, problems };
}

/** A document as it was written, without what its absent keys would mean. */
function documentAt<Name extends string>(
  name: Name,
  whole: Layered,
  key: string,
): { [Key in Name]?: Readonly<Record<string, unknown>> } {
  const part = partAt(whole, [key]);
  if (part?.kind !== 'mapping') return {};
  return { [name]: plainValue(part) } as { [Key in Name]: Readonly<Record<string, unknown>> };
}

/** The profile less what is wrong with its documents by their form, so that every value is of its type. */
function withoutFaults(
  { cloudConfig: _, ignition: __, cloudInit: ___, ...profile }: Profile,
  { cloud_config: cloudConfig, ignition, cloud_init: cloudInit }: ProfileInput,
): Profile {
  return {
    ...profile,
    ...(cloudConfig && { cloudConfig }),
    ...(ignition && { ignition: ignition as Readonly<Record<string, unknown>> }),
    ...(cloudInit && { cloudInit }),
  };
}

interface Fault {
  readonly path: Path;
  readonly message: string;
  readonly expected?: string;
}

/** What is wrong with a profile as a whole: what its sections can't be, and what its document has no words for. */
function faultsOf(profile: Profile): Fault[] {
  const { boot, dockerDisk, kubernetes } = profile;
  const below = (key: string, faults: Fault[]) =>
    faults.map((fault) => ({ ...fault, path: [key, ...fault.path] }));
  return [
    ...below('docker_disk', dockerDisk ? checkDockerDisk(dockerDisk) : []),
    ...below('kubernetes', kubernetes ? checkKubernetes(kubernetes) : []),
    ...(boot.kind === 'image' ? DOCUMENT_CHECKS[boot.document](profile) : []),
  ];
}

const DOCUMENT_CHECKS: Readonly<Record<DocumentFormat, (profile: Profile) => Fault[]>> = {
  'cloud-config': checkCloudConfig,
  ignition: checkIgnition,
  'cloud-init': checkCloudInit,
};

function resolveBoot(boot: ProfileInput['boot'], report: Report): ProfileBoot | undefined {
  if (boot?.local_disk) return { kind: 'local-disk' };
  if (boot?.image === undefined) return undefined;
  const { image, args = [], rootfs } = boot;
  const family = imageFamily(image);
  const kernel = boot.kernel ?? family.kernel;
  const initrds = [boot.initrd ?? family.initrd ?? []].flat();
  const changing = (what: string) => `the name of ${what}, which changes with every release`;
  if (kernel === undefined) report(['boot', 'kernel'], 'is missing', changing('the kernel'));
  if (initrds.length === 0 && !family.initrd)
    report(['boot', 'initrd'], 'is missing', changing('the initramfs'));
  if (family.needsRootfs && rootfs === undefined && initrds.length === 1) {
    report(['boot', 'rootfs'], 'is missing', `${changing('the rootfs')}, or that file as a second initrd`);
  }
  if (kernel === undefined) return undefined;
  return {
    kind: 'image',
    image,
    kernel,
    initrds,
    ...(rootfs !== undefined && { rootfs }),
    args,
    document: boot.document ?? family.document,
    secrets: boot.secrets ?? PROFILE_DEFAULTS.secrets,
  };
}

/** Longest label that xfs takes. */
const XFS_LABEL = 12;
/** Longest wait for a disk, seconds: coreos-cloudinit is ended after 600 s, whatever it still had to do. */
const LONGEST_WAIT = 180;

function resolveDisk(input: NonNullable<ProfileInput['docker_disk']>, report: Report): DockerDisk {
  const disk = {
    device: input.device ?? PROFILE_DEFAULTS.device,
    minimumSize: input.minimum_size ?? PROFILE_DEFAULTS.minimumSize,
    filesystem: input.filesystem ?? PROFILE_DEFAULTS.filesystem,
    label: input.label ?? PROFILE_DEFAULTS.label,
    directories: input.directories ?? PROFILE_DEFAULTS.directories,
    wait: input.wait ?? PROFILE_DEFAULTS.wait,
  };
  if (disk.filesystem === 'xfs' && disk.label.length > XFS_LABEL) {
    report(['docker_disk', 'label'], 'is too long for xfs', `at most ${XFS_LABEL} characters`);
  }
  if (disk.wait < 1 || disk.wait > LONGEST_WAIT) {
    report(['docker_disk', 'wait'], 'is out of range', 'from 1s to 3m');
  }
  return disk;
}

function resolveKubernetes(
  input: NonNullable<ProfileInput['kubernetes']>,
  report: Report,
): ProfileKubernetes {
  const { role = PROFILE_DEFAULTS.role, kubelet, labels = {}, taints = [], config = {} } = input;
  return { role, kubelet: resolveKubelet(kubelet, report), labels, taints, config };
}

function resolveKubelet(
  kubelet: NonNullable<ProfileInput['kubernetes']>['kubelet'],
  report: Report,
): ProfileKubernetes['kubelet'] {
  if (!kubelet || kubelet.source === 'image') return { source: 'image' };
  const { source, version } = kubelet;
  if (version === undefined) {
    report(['kubernetes', 'kubelet', 'version'], 'is missing', 'a version of Kubernetes such as v1.36.2');
  }
  return { source, version: version ?? '' };
}

/** Profiles whose machines would have the same names, since what a host name can't hold is left out of them. */
export function checkHostnames(profiles: ReadonlyMap<string, Profile>): Problem[] {
  const stems = new Map<string, string>();
  return [...profiles.keys()].flatMap((name) => {
    const stem = hostnameStem(name);
    const other = stems.get(stem);
    stems.set(stem, name);
    if (other === undefined) return [];
    const message = `its machines would be called ${stem}-01 and so on like those of ${other}`;
    return { file: `profiles/${name}.yaml`, path: '', message, expected: 'another name' };
  });
}

/** Where the entries of a list were written, by their name. */
function originsOf(whole: Layered, path: Path, key: string): ReadonlyMap<string, string> {
  const list = partAt(whole, path);
  if (list?.kind !== 'list') return new Map();
  return new Map(
    list.items.flatMap((item) => {
      const name = partAt(item, [key]);
      return name?.kind === 'scalar' ? [[String(name.value), sourcesOf(item)]] : [];
    }),
  );
}

function placeOf({ file, path }: Problem): string {
  return `${file} ${path}`;
}

/** Problems without repetitions: what is wrong with a base is wrong with all that extend it. */
function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
}
