import type { FastifyInstance } from 'fastify';
import { type AdmittedMachine, planBoot } from '../boot/plan.ts';
import { bootScript, holdScript, localDiskScript, machineScript } from '../boot/script.ts';
import { documentOf } from '../config/document-format.ts';
import type { ScriptWay } from '../machines/boot-token.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { sendText, whenDelivered } from './answer.ts';
import type { ProvisioningContext } from './context.ts';
import { clean, first, readInventory, requireMac, type Values } from './machine-values.ts';
import { Refusal } from './refusal.ts';

/** What a machine asks for on its way, its documents aside: its iPXE scripts and its metadata. */
export function registerMachineRoutes(app: FastifyInstance, context: ProvisioningContext): void {
  const { observe } = context;

  app.get('/boot.ipxe', (_, reply) => sendText(reply, bootScript()));

  app.get<{ Querystring: Values }>('/ipxe', async (request, reply) => {
    const mac = requireMac(request.query.mac);
    const inventory = readInventory(request.query);
    const ignored = new Refusal(404, `${mac} is not in the configuration and is ignored`);
    if (context.identify(mac).admission === 'ignore') throw ignored;
    // First of all, since it may decide which profile the machine gets.
    context.onInventory(mac, inventory, request.ip);
    const token = request.method === 'GET' ? await tokenFor(context, mac, request.ip, 'http') : undefined;
    const script = machineScriptFor(context, mac, inventory.serial, token);
    if (!script) throw ignored;
    whenDelivered(reply, observe, { type: 'script', mac, address: request.ip, answer: script.answer });
    return sendText(reply, script.script);
  });

  app.get<{ Querystring: Values }>('/metadata', (request, reply) => {
    const machine = requireAdmission(context, findMachine(context, request.query));
    return sendText(reply, metadata(machine));
  });
}

/** The machine with this address; throws a Refusal unless it may boot. */
export function requireAdmission({ identify }: ProvisioningContext, mac: Mac): AdmittedMachine {
  const machine = identify(mac);
  if (machine.admission === 'boot') return machine;
  throw new Refusal(403, `${mac} may not boot yet: add it to config/machines/ on the server`);
}

/** The machine that a query names by `mac`, or by `uuid` alone; throws a Refusal when it names none. */
export function findMachine({ findByUuid }: ProvisioningContext, query: Values): Mac {
  const uuid = clean(first(query.uuid), 64);
  if (uuid === '' || first(query.mac) !== '') return requireMac(query.mac);
  const mac = findByUuid(uuid);
  if (mac === undefined) throw new Refusal(404, `no machine with the uuid ${JSON.stringify(uuid)} was seen`);
  return mac;
}

/**
 * The token for a script that goes to `address`. Only the machine itself gets one, at the address it has leased, and only
 * when it may boot a profile with a document: so nobody else can take the ones it has from it. Rejects with a Refusal when
 * it can't be written down.
 */
export async function tokenFor(
  { identify, leasedAddress, tokens, now }: TokenContext,
  mac: Mac,
  address: string,
  way: ScriptWay,
): Promise<string | undefined> {
  const machine = identify(mac);
  if (machine.admission !== 'boot' || !documentOf(machine.profile)) return undefined;
  if (leasedAddress(mac, address) !== address) return undefined;
  try {
    return await tokens.issue(mac, address, way, now());
  } catch (error) {
    const reason = `${mac} gets no script, since its token can't be written down: ${(error as Error).message}`;
    throw new Refusal(503, 'the script is not to be had now; try again', reason);
  }
}

type TokenContext = Pick<ProvisioningContext, 'identify' | 'leasedAddress' | 'tokens' | 'now'>;

/** What a machine's own script is made from. */
export type ScriptContext = Pick<ProvisioningContext, 'network' | 'identify' | 'fillArgs'>;

/**
 * The script of one machine and what it does: boot, wait, or leave the network; undefined for one that is ignored. With
 * `token` the machine gets its document.
 */
export function machineScriptFor(
  { network, identify, fillArgs }: ScriptContext,
  mac: Mac,
  serial: string | undefined,
  token?: string,
): { readonly answer: 'boot' | 'hold' | 'local-disk'; readonly script: string } | undefined {
  const machine = identify(mac);
  if (machine.admission === 'ignore') return undefined;
  if (machine.admission === 'hold') {
    const { verdict } = machine;
    const server = formatIpv4(network.address);
    return { answer: 'hold', script: holdScript({ mac, serial, network: network.name, server, verdict }) };
  }
  const isImage = machine.profile.boot.kind === 'image';
  const plan = planBoot(machine, network, isImage ? fillArgs(machine, network) : [], token);
  return plan.kind === 'image'
    ? { answer: 'boot', script: machineScript(machine, plan) }
    : { answer: 'local-disk', script: localDiskScript(machine) };
}

/** matchbox's format: one KEY=VALUE a line. A label can't hide a fact: facts come last, and who reads keeps the last. */
function metadata({ mac, hostname, profile, labels }: AdmittedMachine): string {
  const facts = { ...labels, mac, hostname, profile: profile.name };
  return Object.entries(facts)
    .map(([key, value]) => `${key.toUpperCase().replace(/[^A-Z0-9]/g, '_')}=${clean(value, 1024)}\n`)
    .join('');
}
