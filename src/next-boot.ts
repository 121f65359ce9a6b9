import type { AdmittedMachine } from './boot/plan.ts';
import type { ConfigSource } from './config/config.ts';
import { documentOf } from './config/document-format.ts';
import { machineScriptFor } from './http/machine-routes.ts';
import type { NextBoot } from './machines/rack.ts';
import type { MachineRegistry } from './machines/registry.ts';
import { fillArgs } from './provision/cloud-config.ts';
import { HIDDEN_CA, mainRequest, previewDocument } from './provision/document.ts';
import { offersOf } from './provision/offers.ts';
import { buildVariables } from './provision/variables.ts';

/**
 * What a machine gets at its next boot, less its keys and its token. Throws an Error for people when a placeholder can't be
 * filled yet, for instance.
 */
export function previewBoot(
  identity: AdmittedMachine,
  config: ConfigSource,
  registry: MachineRegistry,
): NextBoot {
  const { mac, profile, entry } = identity;
  const seen = registry.get(mac);
  const { networks } = config();
  const network = networks.find(({ name }) => name === seen?.network) ?? networks[0];
  if (!network) throw new Error('the configuration has no network');
  const inventory = seen?.inventory ?? {};
  const address = entry.address ?? seen?.address;
  const offers = offersOf({ config: config(), network, address, bootCa: HIDDEN_CA });
  const variables = buildVariables({ identity, network, inventory, address, offers });
  const script = machineScriptFor(
    { network, identify: () => identity, fillArgs: () => fillArgs(profile, variables) },
    mac,
    inventory.serial,
  );
  if (!script) throw new Error(`${mac} gets no script: ${identity.reason}`);
  const format = documentOf(profile);
  if (format === undefined) return { script: script.script };
  const text = previewDocument(mainRequest(format), { profile, variables, adoptDisk: entry.adoptDisk });
  const shown = format === 'ignition' ? `${JSON.stringify(JSON.parse(text), null, 2)}\n` : text;
  return { script: script.script, document: { format, text: shown } };
}
