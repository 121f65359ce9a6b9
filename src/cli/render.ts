import type { Config, Network } from '../config/config.ts';
import { listMachines } from '../http/admin-client.ts';
import { machineScriptFor } from '../http/machine-routes.ts';
import { identify } from '../machines/identity.ts';
import type { Inventory } from '../machines/machine.ts';
import { contains, type Ipv4, parseIpv4 } from '../net/ipv4.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import { fillArgs, renderCloudConfig } from '../provision/cloud-config.ts';
import { buildVariables } from '../provision/variables.ts';
import { requireConfig } from './load.ts';

/** What the running service knows about a machine; nothing when it isn't running. */
interface Known {
  readonly network?: string;
  readonly address?: Ipv4;
  readonly inventory: Inventory;
}

/**
 * `rackseed render MAC`: the script and the document that a machine would get now. Facts that only a boot tells (address, serial
 * number) come from the running service, where there is one. Throws an Error for people.
 */
export async function renderCommand(directory: string, text: string): Promise<string> {
  const mac = parseMac(text);
  if (!mac) throw new Error(`"${text}" is not a hardware address such as 52:54:00:12:34:56`);
  const config = await requireConfig(directory);
  const known = await askAbout(mac, config);
  const network = chooseNetwork(config, mac, known);
  const variables = (identity: Parameters<typeof buildVariables>[0]['identity']) => {
    const address = identity.entry.address ?? known.address;
    return buildVariables({ identity, network, inventory: known.inventory, address });
  };
  const script = machineScriptFor(
    { network, config: () => config, fillArgs: (machine) => fillArgs(machine.profile, variables(machine)) },
    mac,
    known.inventory.serial,
  );
  if (!script)
    return `# ${mac} gets nothing: it has no entry in machines/, and unknown_machines is "ignore"\n`;
  const identity = identify(config, mac);
  const parts = [`# iPXE script of ${mac} on network ${network.name}\n${script.script}`];
  if (identity.admission === 'boot' && identity.profile.cloudConfig) {
    const document = renderCloudConfig(identity.profile, variables(identity));
    parts.push(`# cloud-config of ${identity.hostname}, profile ${identity.profile.name}\n${document}`);
  }
  return parts.join('\n');
}

async function askAbout(mac: Mac, { admin }: Config): Promise<Known> {
  const machines = await listMachines(admin.listen).catch(() => []);
  const seen = machines.find((machine) => machine.mac === mac);
  if (!seen) return { inventory: {} };
  const address = parseIpv4(seen.address ?? '');
  return { network: seen.network, inventory: seen.inventory, ...(address !== undefined && { address }) };
}

/** The network the machine was seen on, or the one its reservation lies in, or the first. */
function chooseNetwork({ networks, machines }: Config, mac: Mac, known: Known): Network {
  const reserved = machines.get(mac)?.address;
  const network =
    networks.find(({ name }) => name === known.network) ??
    networks.find(({ subnet }) => reserved !== undefined && contains(subnet, reserved)) ??
    networks[0];
  if (!network) throw new Error('the configuration has no network');
  return network;
}
