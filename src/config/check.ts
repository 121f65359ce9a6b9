import { basename, resolve } from 'node:path';
import { Type } from 'typebox';
import { checkAdmin, resolveAdmin } from './admin.ts';
import { checkCluster, resolveCluster } from './cluster.ts';
import type { Config, MachineEntry } from './config.ts';
import { checkImages, resolveImages } from './images.ts';
import { checkLoaders, resolveLoaders } from './loaders.ts';
import { compareMachines, compareRules, noProfile, readMachines } from './machines.ts';
import { checkMirror, resolveMirror } from './mirror.ts';
import { resolveNetworks } from './networks.ts';
import { compareProblems, type Problem } from './problem.ts';
import { checkHostnames, readProfiles } from './profiles.ts';
import { checkProxy, resolveProxy } from './proxy.ts';
import { DEFAULTS, RackseedSchema } from './schema.ts';
import { schemaChecker } from './validate.ts';
import { checkWebhooks, resolveWebhooks } from './webhooks.ts';
import { readYaml, YamlFile } from './yaml.ts';

/** The texts of a configuration, and what is known about the folder they come from. */
export interface ConfigTexts {
  /** The configuration directory, absolute; relative paths in the files start here. */
  readonly directory: string;
  readonly files: readonly ConfigText[];
  /** True when there is a directory at this absolute path. */
  readonly isDirectory: (path: string) => boolean;
  /** True when there is a file at this absolute path that can be read and isn't empty. */
  readonly holdsText: (path: string) => boolean;
}

/** One file: `rackseed.yaml`, `profiles/worker.yaml` or `machines/rack-1.yaml`. */
export interface ConfigText {
  readonly name: string;
  readonly text: string;
}

/** A configuration that can be used, or everything that is wrong with it, by file and line. */
export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const mainChecker = schemaChecker(RackseedSchema);
/**
 * Everything in rackseed.yaml but the networks, which are read one by one so that a broken one hides no other. No key is
 * required here: `mainChecker` tells what is missing.
 */
const settingsChecker = schemaChecker(Type.Partial(Type.Omit(RackseedSchema, ['networks'])));

/** Checks a configuration from its texts alone, all of it whatever is wrong where. */
export function checkConfig({ directory, files, isDirectory, holdsText }: ConfigTexts): ConfigResult {
  const problems: Problem[] = [];
  const read = files.flatMap(({ name, text }) => {
    const file = readYaml(name, text);
    if (file instanceof YamlFile) return [file];
    problems.push(file);
    return [];
  });
  const inFolder = (folder: string) => read.filter(({ name }) => name.startsWith(`${folder}/`));

  const profileNames = files
    .filter(({ name }) => name.startsWith('profiles/'))
    .map(({ name }) => basename(name, '.yaml'));
  const main = read.find(({ name }) => name === 'rackseed.yaml');
  const settings = main && settingsChecker.decode(withoutNetworks(main.value));
  const defaultProfile = settings?.default_profile;
  const networks = main && resolveNetworks(main, networksOf(main.value));
  if (main) {
    const found = networks?.problems ?? [];
    // What is known better than by its form is told once: an option's name that the server keeps for itself.
    const told = new Set(found.map(({ path }) => path));
    problems.push(
      ...mainChecker.problems(main, [], main.value ?? {}).filter(({ path }) => !told.has(path)),
      ...found,
    );
    if (defaultProfile !== undefined && !profileNames.includes(defaultProfile)) {
      problems.push(main.problem(['default_profile'], ...noProfile(defaultProfile, profileNames)));
    }
  }
  const store = resolve(directory, settings?.store?.lmdb ?? DEFAULTS.lmdb);
  const admin = resolveAdmin(settings?.admin ?? {}, directory, store);
  if (main) problems.push(...checkAdmin(main, admin, holdsText));

  const assets = resolve(directory, settings?.assets?.directory ?? DEFAULTS.assets);
  const firmware = settings?.firmware?.directory;
  const firmwareDirectory =
    firmware === undefined ? findFirmware(directory, isDirectory) : resolve(directory, firmware);
  const requireDirectory = (key: string, written: string | undefined, path: string) => {
    if (!main || written === undefined || isDirectory(path)) return;
    problems.push(main.problem([key, 'directory'], `there is no directory ${path}`));
  };
  requireDirectory('assets', settings?.assets?.directory, assets);
  requireDirectory('firmware', firmware, firmwareDirectory);
  const loaders = settings?.firmware?.loaders ?? [];
  if (main) problems.push(...checkLoaders(main, loaders));

  const images = settings?.images ?? {};
  if (main) problems.push(...checkImages(main, images));

  const cluster = settings?.kubernetes && resolveCluster(settings.kubernetes, directory);
  if (main && cluster) problems.push(...checkCluster(main, cluster));

  const webhooks = resolveWebhooks(settings?.webhooks ?? [], directory);
  if (main) problems.push(...checkWebhooks(main, webhooks, holdsText));

  const around = {
    networks: networks?.networks ?? [],
    networksComplete: networks?.complete ?? false,
    profiles: profileNames,
  };
  const mirror = settings?.mirror && resolveMirror(settings.mirror, around.networks, { directory, store });
  if (main && settings?.mirror) {
    const { networks, networksComplete: complete } = around;
    problems.push(...checkMirror(main, settings.mirror, { networks, complete, directory, holdsText }));
  }
  const proxy =
    settings?.proxy &&
    resolveProxy(settings.proxy, { networks: around.networks, ...(cluster && { kubernetes: cluster }) });
  if (main && settings?.proxy) problems.push(...checkProxy(main, settings.proxy));

  const machines = inFolder('machines').map(readMachines);
  const entries = machines.flatMap((result) => result.machines);
  const rules = machines.flatMap((result) => result.rules);
  problems.push(
    ...machines.flatMap((result) => result.problems),
    ...compareMachines(entries, around),
    ...compareRules(rules, around),
  );

  const given = [
    defaultProfile,
    ...entries.map(({ entry }) => entry.profile),
    ...rules.map(({ rule }) => rule.profile),
  ].filter((name) => name !== undefined);
  const { profiles, problems: profileProblems } = readProfiles(
    new Map(inFolder('profiles').map((file) => [basename(file.name, '.yaml'), file])),
    { names: profileNames, given: new Set(given), hasCluster: writesCluster(main?.value) },
  );
  problems.push(...profileProblems, ...checkHostnames(profiles));

  if (problems.length > 0 || !settings || !networks || defaultProfile === undefined) {
    return { ok: false, problems: problems.toSorted(compareProblems) };
  }
  return {
    ok: true,
    config: {
      directory,
      networks: networks.networks,
      unknownMachines: settings.unknown_machines ?? DEFAULTS.unknownMachines,
      defaultProfile,
      profiles,
      rules: rules.map(({ rule }) => rule),
      ...(cluster && { kubernetes: cluster }),
      machines: new Map(
        entries.flatMap(({ entry }): [MachineEntry['mac'], MachineEntry][] =>
          'mac' in entry ? [[entry.mac, entry]] : [],
        ),
      ),
      ports: entries.flatMap(({ entry }) => ('port' in entry ? [entry] : [])),
      assets: { directory: assets, memory: settings.assets?.memory ?? DEFAULTS.memory },
      images: resolveImages(images, directory),
      ...(mirror && { mirror }),
      ...(proxy && { proxy }),
      firmware: { directory: firmwareDirectory, loaders: resolveLoaders(loaders) },
      admin,
      store: { directory: store },
      bootToken: settings.boot_token ?? DEFAULTS.bootToken,
      webhooks,
    },
  };
}

/** Where the Debian and Ubuntu package `ipxe` puts its binaries. */
const SYSTEM_FIRMWARE = '/usr/lib/ipxe';

/** The firmware folder when rackseed.yaml names none: the one in the source tree if it is there. */
function findFirmware(directory: string, isDirectory: (path: string) => boolean): string {
  const own = resolve(directory, '../ipxe/firmware');
  return isDirectory(own) ? own : SYSTEM_FIRMWARE;
}

/** True when rackseed.yaml has a kubernetes section, a bad one included: what is wrong with it is told once. */
function writesCluster(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kubernetes' in value;
}

function networksOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'networks' in value ? value.networks : [];
}

function withoutNetworks(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'networks'));
}
