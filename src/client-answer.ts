import type { Logger } from 'pino';
import { answerBoot } from './boot/answer.ts';
import { recognise } from './boot/firmware.ts';
import type { FirmwareFolder } from './boot/firmware-folder.ts';
import { baseUrl } from './boot/plan.ts';
import type { Config, ConfigSource, Network } from './config/config.ts';
import type { DhcpClient } from './dhcp/client.ts';
import type { DhcpAnswer } from './dhcp/compose.ts';
import { logNoLoader } from './log-events.ts';
import type { Identifier } from './machines/identifier.ts';
import type { Mac } from './net/mac.ts';

/** What the answer to a DHCP client is found with. */
export interface AnswerParts {
  readonly config: ConfigSource;
  readonly identifier: Identifier;
  readonly firmware: Pick<FirmwareFolder, 'has'>;
  readonly logger: Logger;
}

/** How long a machine that may not boot keeps its address, seconds; longer for as long as it asks for its script. */
export const HELD_LEASE = 120;

/** What a machine gets besides an address; undefined when it is to be ignored. */
export function answerClient(
  client: DhcpClient,
  network: Network,
  { config, identifier, firmware, logger }: AnswerParts,
): DhcpAnswer | undefined {
  const booter = recognise(client);
  // A machine is numbered when it boots from the network; what else asks for an address isn't.
  const identity = booter ? identifier.admit(client.mac) : identifier.lookUp(client.mac);
  if (identity.admission === 'ignore') return undefined;
  const { hostname } = identity;
  const terms: Pick<DhcpAnswer, 'lease' | 'isKnown'> =
    identity.admission === 'hold'
      ? { lease: Math.min(HELD_LEASE, network.dhcp.lease) }
      : { isKnown: isKnown(client.mac, config()) };
  if (!booter) return { hostname, ...terms };
  const override = identity.admission === 'boot' ? identity.entry.loader : undefined;
  const boot = answerBoot(booter, client.vendorClass !== undefined, {
    server: network.address,
    baseUrl: baseUrl(network),
    isAvailable: (file) => firmware.has(file),
    ...(override !== undefined && { override }),
  });
  if (typeof boot !== 'string') return { hostname, boot, ...terms };
  logNoLoader(logger, { mac: client.mac, hostname, reason: boot, isKnown: terms.isKnown === true });
  return { hostname, ...terms };
}

/** True for a machine that may boot because somebody said so, not because anybody may. */
function isKnown(mac: Mac, { machines, unknownMachines }: Config): boolean {
  return unknownMachines !== 'boot' || machines.has(mac);
}
