import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { dump, load } from 'js-yaml';
import { type AdmittedMachine, planBoot } from '../../src/boot/plan.ts';
import type { ConfigResult } from '../../src/config/check.ts';
import type { Config, DocumentFormat, Profile } from '../../src/config/config.ts';
import { documentOf } from '../../src/config/document-format.ts';
import { checkFolder, loadConfig, readConfigFolder } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { type Ipv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { type Mac, parseMac } from '../../src/net/mac.ts';
import { checkCloudInit } from '../../src/provision/check-cloud-init.ts';
import { checkIgnition } from '../../src/provision/check-ignition.ts';
import { checkCloudConfig, fillArgs } from '../../src/provision/cloud-config.ts';
import { CLOUD_INIT_FILES } from '../../src/provision/cloud-init.ts';
import { type DocumentRequest, renderDocument } from '../../src/provision/document.ts';
import { DEFAULT_IGNITION_VERSION } from '../../src/provision/ignition-spec.ts';
import { offersOf } from '../../src/provision/offers.ts';
import { preloadUrl } from '../../src/provision/preload.ts';
import { buildVariables, type Variables } from '../../src/provision/variables.ts';
import { JOIN } from './profiles.ts';

const CONFIG = fileURLToPath(new URL('../../config', import.meta.url));
const SCRIPTS = new URL('../../node-files/', import.meta.url);

/** A machine that a profile is rendered for. */
export interface ShippedMachine {
  readonly mac: string;
  readonly index: number;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The configuration as it ships. Throws with its problems when it has some. */
export async function shippedConfig(): Promise<Config> {
  return required(await loadConfig(CONFIG));
}

/** The same with some files changed or added, by their names. */
export async function changedConfig(
  change: (texts: ReadonlyMap<string, string>) => Readonly<Record<string, string>>,
): Promise<Config> {
  const { files, problems } = await readConfigFolder(CONFIG);
  const texts = new Map(files.map(({ name, text }) => [name, text]));
  const all = new Map([...texts, ...Object.entries(change(texts))]);
  return required(
    checkFolder(CONFIG, { files: Array.from(all, ([name, text]) => ({ name, text })), problems }),
  );
}

function required(result: ConfigResult): Config {
  if (result.ok) return result.config;
  throw new Error(result.problems.map((problem) => formatProblem(problem, CONFIG)).join('\n'));
}

/** The formats that can say all that a profile does: the one its image reads, and maybe others. */
export function formatsOf(profile: Profile): DocumentFormat[] {
  if (documentOf(profile) === undefined) return [];
  const checks = { 'cloud-config': checkCloudConfig, ignition: checkIgnition, 'cloud-init': checkCloudInit };
  const formats = Object.keys(checks) as DocumentFormat[];
  return formats.filter((format) => checks[format](profile).length === 0);
}

/** How machines fetch their keys; a real token is other each time. */
const TOKEN = 'TOKEN-OF-THIS-BOOT';
const DELIVERY = { url: `https://192.168.0.254/secrets/MAC?token=${TOKEN}-2`, caPem: 'BOOT CA\n' };

/** Every document of a format for a machine, by its name, and what the machine fetches because of it. */
export function renderAll(
  config: Config,
  profile: Profile,
  format: DocumentFormat,
  machine: ShippedMachine,
): Map<string, string> {
  const variables = variablesOf(config, profile, machine);
  const preloads = (profile.preload ?? []).map((path) => ({
    url: preloadUrl(variables.server.url, path),
    sha256: 'SHA-256',
  }));
  const sources = {
    profile,
    variables,
    preloads,
    join: JOIN,
    adoptDisk: false,
    delivery: DELIVERY,
  };
  const render = (name: string, request: DocumentRequest): [string, string][] => {
    const { text, secondStage } = renderDocument(request, sources);
    const fetched = `${name} over HTTPS`;
    if (!secondStage) return [[name, text]];
    const body = Buffer.from(secondStage.body);
    return [
      [name, text],
      [fetched, secondStage.type === 'application/json' ? body.toString() : yaml(listArchive(body))],
    ];
  };
  switch (format) {
    case 'cloud-config':
      return new Map(render(format, { format }));
    case 'ignition':
      return new Map(render(format, { format, version: DEFAULT_IGNITION_VERSION }));
    case 'cloud-init':
      return new Map(CLOUD_INIT_FILES.flatMap((file) => render(file, { format, file })));
  }
}

/** The files of an archive, as GNU tar sees them. */
function listArchive(archive: Uint8Array): { path: string; mode: string; content: string }[] {
  const tar = (...options: string[]) => execFileSync('tar', options, { input: archive, encoding: 'utf8' });
  return tar('-tvf', '-')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [mode = '', owner = ''] = line.split(/\s+/);
      const path = line.split(/\s+/).slice(5).join(' ');
      return { path: `/${path}`, mode: `${mode} ${owner}`, content: tar('-xOf', '-', path) };
    });
}

/**
 * What a machine gets, for people to read: its kernel arguments and its documents. Contents of files are decoded, and
 * those of node-files/ have their name in their place.
 */
export function readable(config: Config, profile: Profile, machine: ShippedMachine): string {
  const identity = identityOf(profile, machine);
  const variables = variablesOf(config, profile, machine);
  const plan = planBoot(identity, networkOf(config), fillArgs(profile, variables), TOKEN);
  const format = documentOf(profile);
  const documents = format ? [...renderAll(config, profile, format, machine)] : [];
  return [
    `# boot\n${yaml(plan)}`,
    ...documents.map(([name, text]) => `# ${name}\n${text === '' ? '' : yaml(decoded(load(text)))}`),
  ].join('\n');
}

function yaml(value: unknown): string {
  return dump(value, { lineWidth: -1 });
}

function networkOf({ networks: [network] }: Config) {
  if (!network) throw new Error('the configuration has no network');
  return network;
}

function identityOf(profile: Profile, { mac: text, index, labels }: ShippedMachine): AdmittedMachine {
  const mac = parseMac(text) as Mac;
  const hostname = `${profile.name}-0${index}`;
  const entry = { mac, labels, adoptDisk: false };
  return { admission: 'boot', mac, hostname, profile, reason: 'the test says so', entry, labels, index };
}

function variablesOf(config: Config, profile: Profile, machine: ShippedMachine): Variables {
  const network = networkOf(config);
  const address = parseIpv4(machine.address) as Ipv4;
  return buildVariables({
    identity: identityOf(profile, machine),
    network,
    inventory: {},
    address,
    offers: offersOf({ config, network, address, bootCa: DELIVERY.caPem }),
  });
}

/** A document with the contents of its files as they will be written, and less what every edit of a script changes. */
function decoded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value !== 'object' || value === null) return value;
  const { encoding, content, source, compression, ...rest } = value as Readonly<Record<string, unknown>>;
  const others = Object.fromEntries(Object.entries(rest).map(([key, child]) => [key, entry(key, child)]));
  if (typeof content === 'string') {
    return { ...others, content: named(Buffer.from(content, encoding === undefined ? 'utf8' : 'base64')) };
  }
  if (typeof source !== 'string' || !source.startsWith('data:')) {
    return source === undefined ? others : { source, ...others };
  }
  const bytes = Buffer.from(source.replace(/^data:(;base64)?,/, ''), 'base64');
  return { ...others, text: named(compression === undefined ? bytes : gunzipSync(bytes)) };
}

function entry(key: string, value: unknown): unknown {
  // Digests of the whole document.
  if (key === 'instance-id') return String(value).replace(/[0-9a-f]{12}$/, 'DIGEST');
  return key === 'hash' ? String(value).replace(/[0-9a-f]{128}$/, 'DIGEST') : decoded(value);
}

/** The text, or the name of the script that it is. */
function named(content: Uint8Array): string {
  const text = Buffer.from(content).toString();
  return SCRIPT_NAMES.get(text) ?? text;
}

const SCRIPT_NAMES: ReadonlyMap<string, string> = new Map(
  readdirSync(SCRIPTS).map((name) => [readFileSync(new URL(name, SCRIPTS), 'utf8'), `node-files/${name}`]),
);
