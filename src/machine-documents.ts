import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AdmittedMachine } from './boot/plan.ts';
import type { ConfigSource, Network } from './config/config.ts';
import type { ProvisioningContext } from './http/context.ts';
import { Refusal } from './http/refusal.ts';
import type { Joiner } from './kubernetes/joiner.ts';
import { createTurns } from './kubernetes/turns.ts';
import type { MachineRegistry } from './machines/registry.ts';
import type { Ipv4 } from './net/ipv4.ts';
import type { Mac } from './net/mac.ts';
import { fillArgs } from './provision/cloud-config.ts';
import { describesNode, needsJoin, renderDocument } from './provision/document.ts';
import type { JoinMaterial } from './provision/join.ts';
import { offersOf } from './provision/offers.ts';
import { type PreloadedArchive, preloadUrl } from './provision/preload.ts';
import { buildVariables, serverUrl } from './provision/variables.ts';

/** What machines' scripts and documents are made from. */
export interface DocumentParts {
  readonly config: ConfigSource;
  readonly registry: MachineRegistry;
  /** What machines need to join the cluster; undefined when there is none. */
  readonly joiner: Joiner | undefined;
  /** The address leased to a machine. */
  readonly addressOf: (mac: Mac) => Ipv4 | undefined;
  /** The CA by which machines know this server, PEM. */
  readonly bootCa: () => string;
  /** The SHA-256 of a file below assets/, hexadecimal. Rejects with an Error that names the file. */
  readonly sha256Of: (path: string) => Promise<string>;
}

/** Fills and renders what profiles say, with all that is known of a machine now. */
export function createMachineDocuments({
  config,
  registry,
  joiner,
  addressOf,
  bootCa,
  sha256Of,
}: DocumentParts): Pick<ProvisioningContext, 'fillArgs' | 'renderDocument'> {
  const variables = (identity: AdmittedMachine, { name }: Network) => {
    const network = config().networks.find((candidate) => candidate.name === name);
    if (!network) throw new Error(`network ${name} is not in the configuration`);
    const inventory = registry.get(identity.mac)?.inventory ?? {};
    const address = addressOf(identity.mac);
    const offers = offersOf({ config: config(), network, address, bootCa: bootCa() });
    return buildVariables({ identity, network, inventory, address, offers });
  };
  // One in each turn of the event loop: what else there is to do, DHCP above all, comes in between.
  const turns = createTurns(1);
  return {
    fillArgs: (machine, network) => fillArgs(machine.profile, variables(machine, network)),
    async renderDocument(machine, network, request, delivery) {
      const { profile, entry } = machine;
      const join = needsJoin(profile, request) ? await joinFor(machine, joiner) : undefined;
      const preloads = describesNode(request) ? await preloadsFor(machine, network, sha256Of) : [];
      return turns(async () => {
        await nextTurn();
        return renderDocument(request, {
          profile,
          variables: variables(machine, network),
          adoptDisk: entry.adoptDisk,
          preloads,
          ...(join && { join }),
          ...(delivery && { delivery }),
        });
      });
    },
  };
}

/** The archives that a machine loads. Rejects with a Refusal that makes the machine ask again. */
async function preloadsFor(
  { mac, hostname, profile }: AdmittedMachine,
  network: Network,
  sha256Of: DocumentParts['sha256Of'],
): Promise<PreloadedArchive[]> {
  try {
    return await Promise.all(
      (profile.preload ?? []).map(async (path) => ({
        url: preloadUrl(serverUrl(network), path),
        sha256: await sha256Of(path),
      })),
    );
  } catch (error) {
    const reason = `${hostname} ${mac} can't be given what profile ${profile.name} preloads: ${(error as Error).message}`;
    throw new Refusal(503, 'an archive for this machine is not to be had now; try again', reason);
  }
}

/** What a machine joins its cluster with. Rejects with a Refusal that makes the machine ask again. */
async function joinFor(
  { mac, hostname }: AdmittedMachine,
  joiner: Joiner | undefined,
): Promise<JoinMaterial | undefined> {
  try {
    return await joiner?.join(hostname, mac);
  } catch (error) {
    const reason = `${hostname} ${mac} can't be given its keys: ${(error as Error).message}`;
    throw new Refusal(503, 'the keys for this machine are not to be had now; try again', reason);
  }
}
