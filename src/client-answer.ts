import type { Logger } from 'pino';
import { answerBoot } from './boot/answer.ts';
import { afterReturn, inOrder } from './boot/fallback.ts';
import { recognise } from './boot/firmware.ts';
import type { FirmwareFolder } from './boot/firmware-folder.ts';
import { PXELINUX_FILE } from './boot/loaders.ts';
import { baseUrl } from './boot/plan.ts';
import type { AnswerPlace } from './boot/reply-style.ts';
import type { Config, ConfigSource, Network } from './config/config.ts';
import type { DhcpClient } from './dhcp/client.ts';
import type { DhcpAnswer } from './dhcp/compose.ts';
import { logNoLoader } from './log-events.ts';
import type { Identifier } from './machines/identifier.ts';
import type { Identity } from './machines/identity.ts';
import type { MachineRegistry } from './machines/registry.ts';
import type { Mac } from './net/mac.ts';

/** What the answer to a DHCP client is found with. */
export interface AnswerParts {
  readonly config: ConfigSource;
  /** Absent: nothing is known of what came of machines' loaders. */
  readonly registry?: Pick<MachineRegistry, 'get'>;
  readonly identifier: Identifier;
  readonly firmware: Pick<FirmwareFolder, 'has'>;
  readonly logger: Logger;
}

type AdmittedIdentity = Extract<Identity, { readonly admission: 'boot' }>;

/** How long a machine that may not boot keeps its address, seconds; longer for as long as it asks for its script. */
export const HELD_LEASE = 120;

/** What a machine gets besides an address, by the place where it asks; undefined when it is to be ignored. */
export function answerClient(
  client: DhcpClient,
  network: Network,
  { config, registry, identifier, firmware, logger }: AnswerParts,
  place: AnswerPlace = 'dhcp',
): DhcpAnswer | undefined {
  const booter = recognise(client, config().firmware.loaders);
  // A machine is numbered when it boots from the network; what else asks for an address isn't.
  const identity = booter
    ? identifier.admit(client.mac, undefined, client.attachment)
    : identifier.lookUp(client.mac);
  if (identity.admission === 'ignore') return undefined;
  const { hostname } = identity;
  const terms: Pick<DhcpAnswer, 'lease' | 'isKnown'> =
    identity.admission === 'hold'
      ? { lease: Math.min(HELD_LEASE, network.dhcp.lease) }
      : { isKnown: isKnown(client.mac, config()) };
  const told = { hostname, ...terms, ...(identity.admission === 'boot' && whatIsItsOwn(identity)) };
  if (!booter) return told;
  const { loader: override, pxeReply } = identity.admission === 'boot' ? identity.entry : {};
  const history = registry?.get(client.mac)?.loaders;
  const boot = answerBoot(booter, client.vendorClass !== undefined, {
    server: network.address,
    baseUrl: baseUrl(network),
    isAvailable: (file) => file === PXELINUX_FILE || firmware.has(file),
    ...(history && { order: (files) => inOrder(files, afterReturn(history, files, Date.now())) }),
    place,
    ...(override !== undefined && { override }),
    ...(pxeReply !== undefined && { pxeReply }),
  });
  if (typeof boot !== 'string') return { ...told, boot };
  logNoLoader(logger, { mac: client.mac, hostname, reason: boot, isKnown: terms.isKnown === true });
  return told;
}

/** What is set for the machine, its profile, or the port where it is. */
function whatIsItsOwn({ entry, profile, port }: AdmittedIdentity): Pick<DhcpAnswer, 'options' | 'place'> {
  const options = new Map([...(profile.dhcpOptions ?? []), ...(entry.options ?? [])]);
  const place = port?.address;
  return { ...(options.size > 0 && { options }), ...(place !== undefined && { place }) };
}

/** True for a machine that may boot because somebody said so, not because anybody may. */
function isKnown(mac: Mac, { machines, unknownMachines }: Config): boolean {
  return unknownMachines !== 'boot' || machines.has(mac);
}
