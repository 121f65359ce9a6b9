import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type BootFileName, READERS, readBootFileName } from '../boot/boot-file-name.ts';
import { grubConfig, grubHold, grubLocalDisk } from '../boot/grub.ts';
import { baseUrl, planBoot } from '../boot/plan.ts';
import { pxelinuxConfig, pxelinuxHold, pxelinuxLocalDisk } from '../boot/pxelinux.ts';
import { autoexecScript } from '../boot/script.ts';
import type { ScriptWay } from '../machines/boot-token.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';
import { sendText, whenDelivered } from './answer.ts';
import type { ProvisioningContext } from './context.ts';
import type { ScriptAnswer } from './events.ts';
import { tokenFor } from './machine-routes.ts';
import { Refusal } from './refusal.ts';

/** A file made for a machine. */
export interface BootFile {
  readonly mac: Mac;
  readonly text: string;
  /** What it makes the machine do; absent for `autoexec.ipxe`, after which iPXE asks for its script. */
  readonly answer?: ScriptAnswer;
  /** Who reads it, for people. */
  readonly reader: string;
}

/** What files are made from. */
export type BootFileContext = Pick<
  ProvisioningContext,
  'network' | 'identify' | 'fillArgs' | 'findByUuid' | 'machineAt' | 'leasedAddress' | 'tokens' | 'now'
>;

/**
 * The file that a boot loader at `address` asks for, with a token only when it is known which `way` it goes; undefined when
 * no machine is known there, or it is ignored. Rejects with an Error when what it boots can't be put into the loader's words.
 */
export async function bootFileFor(
  context: BootFileContext,
  asked: BootFileName,
  address: string,
  way: ScriptWay | undefined,
): Promise<BootFile | undefined> {
  const { network, identify, fillArgs } = context;
  // Boards share uuids, so whose address it is tells more.
  const mac =
    asked.mac ??
    context.machineAt(address) ??
    (asked.uuid === undefined ? undefined : context.findByUuid(asked.uuid));
  const machine = mac && identify(mac);
  if (!machine || machine.admission === 'ignore') return undefined;
  const file = { mac, reader: READERS[asked.kind] };
  if (asked.kind === 'autoexec')
    return { ...file, text: autoexecScript(mac, `${baseUrl(network)}/boot.ipxe`) };

  const isGrub = asked.kind === 'grub';
  if (machine.admission === 'hold') {
    const { verdict } = machine;
    const held = {
      mac,
      serial: undefined,
      network: network.name,
      server: formatIpv4(network.address),
      verdict,
    };
    const text = isGrub
      ? grubHold({ ...held, baseUrl: baseUrl(network), way: way ?? 'http' })
      : pxelinuxHold(held);
    return { ...file, answer: 'hold', text };
  }
  const token = way && (await tokenFor(context, mac, address, way));
  const isImage = machine.profile.boot.kind === 'image';
  const plan = planBoot(machine, network, isImage ? fillArgs(machine, network) : [], token);
  if (plan.kind === 'local-disk') {
    const text = isGrub ? grubLocalDisk(machine) : pxelinuxLocalDisk(machine);
    return { ...file, answer: 'local-disk', text };
  }
  return {
    ...file,
    answer: 'boot',
    text: isGrub ? grubConfig(machine, plan) : pxelinuxConfig(machine, plan),
  };
}

/** Where loaders that came by HTTP look for their files; below /firmware/ they look as well. */
const ROUTES = [
  '/autoexec.ipxe',
  '/extlinux.conf',
  '/pxelinux.cfg/:name',
  '/grub.cfg',
  '/grub.cfg-:machine',
  '/grub/:name',
  '/boot/grub/:name',
];

/** `GET` for the files that iPXE 2.x, GRUB and others ask for by themselves. */
export function registerBootFiles(app: FastifyInstance, context: ProvisioningContext): void {
  for (const url of ROUTES) {
    app.get(url, (request, reply) =>
      sendBootFile(context, request.url.replace(/\?.*/s, '').slice(1), request, reply),
    );
  }
}

/** Sends the file made for whoever asks; throws a Refusal when there is none. */
export async function sendBootFile(
  context: ProvisioningContext,
  path: string,
  { ip, method }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const asked = readBootFileName(path);
  const file = asked && (await bootFileFor(context, asked, ip, method === 'GET' ? 'http' : undefined));
  if (!file)
    throw new Refusal(404, `there is no ${JSON.stringify(path)} for ${ip}: no machine is known by it`);
  const { mac, answer, reader } = file;
  if (answer) whenDelivered(reply, context.observe, { type: 'script', mac, address: ip, answer, reader });
  return sendText(reply, file.text);
}
