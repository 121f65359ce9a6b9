import { readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdmittedMachine } from '../../src/boot/plan.ts';
import type { ClusterSettings, Config, Network, Profile } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { createCa } from '../../src/kubernetes/ca.ts';
import type { Joiner } from '../../src/kubernetes/joiner.ts';
import type { KeyType } from '../../src/kubernetes/keys.ts';
import { packageRoot } from '../../src/lab/package-root.ts';
import { createMachineDocuments } from '../../src/machine-documents.ts';
import { MachineRegistry } from '../../src/machines/registry.ts';
import type { Ipv4 } from '../../src/net/ipv4.ts';
import type { Mac } from '../../src/net/mac.ts';
import type { DocumentRequest } from '../../src/provision/document.ts';
import { DEFAULT_IGNITION_VERSION } from '../../src/provision/ignition-spec.ts';
import { type Format, PROFILES } from './order.ts';

/** A network and a cluster, with the profiles that ship. */
export interface Rack {
  readonly config: Config;
  readonly cluster: ClusterSettings;
  readonly network: Network;
  profile(format: Format): Profile;
}

/** Writes a configuration with a CA of its own into `directory`, and reads it as the service does. */
export async function buildRack(directory: string): Promise<Rack> {
  await mkdir(directory);
  await cp(join(packageRoot, 'config/profiles'), join(directory, 'profiles'), { recursive: true });
  const ca = await createCa({ commonName: 'bench', keyType: 'ecdsa', lifetime: 86_400 }, Date.now());
  await writeFile(join(directory, 'ca.crt'), ca.certificatePem);
  await writeFile(join(directory, 'ca.key'), ca.keyPem, { mode: 0o600 });
  await writeFile(join(directory, 'rackseed.yaml'), CONFIGURATION);
  const config = await readConfig(directory);
  const { kubernetes: cluster, networks, profiles } = config;
  const [network] = networks;
  if (!cluster || !network) throw new Error('the benchmark has no cluster or no network');
  return {
    config,
    cluster,
    network,
    profile(format) {
      const profile = profiles.get(PROFILES[format]);
      if (!profile) throw new Error(`there is no profile ${PROFILES[format]}`);
      return profile;
    },
  };
}

const CONFIGURATION = `networks:
  - name: bench
    interface: bench
    address: 10.77.255.254/16
    dhcp: { mode: authoritative, range: 10.77.0.1-10.77.250.250, domain: bench.local, router: 10.77.255.254, dns: [10.77.255.254] }
unknown_machines: boot
default_profile: worker
kubernetes: { server: "https://10.77.255.254:6443", ca: ca.crt, ca_key: ca.key, join: certificate }
`;

async function readConfig(directory: string): Promise<Config> {
  const result = await loadConfig(directory);
  if (result.ok) return result.config;
  throw new Error(result.problems.map((problem) => formatProblem(problem, directory)).join('\n'));
}

/** What a machine asks for when it boots. */
export function requestOf(format: Format): DocumentRequest {
  if (format === 'ignition') return { format, version: DEFAULT_IGNITION_VERSION };
  return format === 'cloud-init' ? { format, file: 'user-data' } : { format };
}

/** The `index`th machine of the rack, unlike all others. */
export function machineOf({ profile }: Rack, format: Format, index: number): AdmittedMachine {
  const hex = index.toString(16).padStart(6, '0');
  const mac = `52:54:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4)}` as Mac;
  return {
    admission: 'boot',
    mac,
    hostname: `worker-${index}`,
    profile: profile(format),
    reason: 'the benchmark says so',
    entry: { mac, labels: {}, adoptDisk: false },
    labels: { rack: `r${index % 40}` },
    index,
  };
}

/** The address that is leased to the machine. */
export function addressOf({ network }: Rack, mac: Mac): Ipv4 {
  return (network.subnet.network + Number.parseInt(mac.slice(9).replaceAll(':', ''), 16) + 1) as Ipv4;
}

/** The documents of the rack's machines, made as the service makes them: one in each turn of the event loop. */
export function documentsOf(rack: Rack, joiner: Joiner, addressOf: (mac: Mac) => Ipv4 | undefined) {
  const caPem = readFileSync(rack.cluster.ca, 'utf8');
  return createMachineDocuments({
    config: () => rack.config,
    registry: new MachineRegistry({
      machines: [],
      isKept: () => true,
      capacity: 1,
      strangers: 1,
      onForgotten: () => {},
    }),
    joiner,
    addressOf,
    bootCa: () => caPem,
    sha256Of: async (path) => {
      throw new Error(`no profile here loads ${path}`);
    },
  });
}

/** The cluster with keys of one type. */
export function clusterOf({ cluster }: Rack, keyType: KeyType): ClusterSettings {
  return { ...cluster, keyType };
}
