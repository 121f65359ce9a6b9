import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type AdmittedMachine, planBoot } from '../boot/plan.ts';
import { bootScript, holdScript, localDiskScript, machineScript } from '../boot/script.ts';
import { identify } from '../machines/identity.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import type { ProvisioningContext } from './context.ts';
import type { HttpEvent } from './events.ts';
import { clean, readInventory, requireMac, type Values } from './machine-values.ts';
import { Refusal } from './refusal.ts';

/** What a machine asks for on its way: its iPXE scripts, its cloud-config and its metadata. */
export function registerMachineRoutes(app: FastifyInstance, context: ProvisioningContext): void {
  const { network, observe } = context;

  app.get('/boot.ipxe', (_, reply) => sendText(reply, bootScript()));

  app.get<{ Querystring: Values }>('/ipxe', (request, reply) => {
    const mac = requireMac(request.query.mac);
    const inventory = readInventory(request.query);
    const script = machineScriptFor(context, mac, inventory.serial);
    if (!script) throw new Refusal(404, `${mac} is not in the configuration and is ignored`);
    context.onInventory(mac, inventory, request.ip);
    whenDelivered(reply, observe, { type: 'script', mac, address: request.ip, answer: script.answer });
    return sendText(reply, script.script);
  });

  const sendDocument = (mac: Mac, request: FastifyRequest, reply: FastifyReply) => {
    const machine = requireAdmission(context, mac);
    const { cloudConfig, name } = machine.profile;
    if (!cloudConfig) throw new Refusal(404, `profile ${name} of ${mac} has no cloud_config`);
    const document = context.renderDocument(machine, network);
    const bytes = Buffer.byteLength(document);
    whenDelivered(reply, observe, {
      type: 'document',
      mac,
      address: request.ip,
      format: 'cloud-config',
      bytes,
    });
    return sendText(reply, document);
  };

  app.get<{ Params: Values }>('/cloud-config/:mac', (request, reply) =>
    sendDocument(requireMac(request.params.mac), request, reply),
  );

  // matchbox's name for it.
  app.get<{ Querystring: Values }>('/cloud', (request, reply) =>
    sendDocument(requireMac(request.query.mac), request, reply),
  );

  app.get<{ Querystring: Values }>('/metadata', (request, reply) => {
    const machine = requireAdmission(context, requireMac(request.query.mac));
    return sendText(reply, metadata(machine));
  });
}

/** The machine with this address; throws a Refusal unless it may boot. */
export function requireAdmission({ config }: ProvisioningContext, mac: Mac): AdmittedMachine {
  const machine = identify(config(), mac);
  if (machine.admission === 'boot') return machine;
  throw new Refusal(403, `${mac} may not boot yet: add it to config/machines/ on the server`);
}

/** What a machine's own script is made from. */
export type ScriptContext = Pick<ProvisioningContext, 'network' | 'config' | 'fillArgs'>;

/** The script of one machine and what it does: boot, wait, or leave the network; undefined for one that is ignored. */
export function machineScriptFor(
  { network, config, fillArgs }: ScriptContext,
  mac: Mac,
  serial: string | undefined,
): { readonly answer: 'boot' | 'hold' | 'local-disk'; readonly script: string } | undefined {
  const machine = identify(config(), mac);
  if (machine.admission === 'ignore') return undefined;
  if (machine.admission === 'hold') {
    return { answer: 'hold', script: holdScript({ mac, serial, server: formatIpv4(network.address) }) };
  }
  const isImage = machine.profile.boot.kind === 'image';
  const plan = planBoot(machine, network, isImage ? fillArgs(machine, network) : []);
  return plan.kind === 'image'
    ? { answer: 'boot', script: machineScript(machine, plan) }
    : { answer: 'local-disk', script: localDiskScript(machine) };
}

/** matchbox's format: one KEY=VALUE a line. A label can't hide a fact: facts come last, and who reads keeps the last. */
function metadata({ mac, hostname, profile, entry }: AdmittedMachine): string {
  const facts = { ...entry.labels, mac, hostname, profile: profile.name };
  return Object.entries(facts)
    .map(([key, value]) => `${key.toUpperCase().replace(/[^A-Z0-9]/g, '_')}=${clean(value, 1024)}\n`)
    .join('');
}

/** What a machine gets depends on the moment it asks, so nothing on the way may keep it. */
function sendText(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type('text/plain; charset=utf-8').send(text);
}

/** Reports `event` once the whole answer has left. */
function whenDelivered(reply: FastifyReply, observe: (event: HttpEvent) => void, event: HttpEvent): void {
  reply.raw.once('finish', () => observe(event));
}
