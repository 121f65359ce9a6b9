import { type AdmittedMachine, planBoot } from '../boot/plan.ts';
import type { DocumentFormat } from '../config/config.ts';
import { documentOf } from '../config/document-format.ts';
import { machineScriptFor } from '../http/machine-routes.ts';
import type { Identity } from '../machines/identity.ts';
import { fillArgs } from '../provision/cloud-config.ts';
import { CLOUD_INIT_FILES } from '../provision/cloud-init.ts';
import { type DocumentRequest, mainRequest, previewDocument } from '../provision/document.ts';
import { describeNode } from '../provision/node.ts';
import { diffLines } from '../text/diff.ts';
import { describeMachine } from './describe.ts';
import { type InspectedMachine, inspectMachine } from './inspect.ts';
import { requireConfig } from './load.ts';
import type { RenderOptions } from './render-options.ts';

/**
 * `rackseed render MAC`: the script and the documents that a machine would get now, less the keys with which it joins its
 * cluster. Facts that only a boot tells (address, serial number) come from the running service, where there is one. Throws
 * an Error for people.
 */
export async function renderCommand(
  directory: string,
  text: string,
  { profile, format, diff = false }: RenderOptions = {},
): Promise<string> {
  if (diff && profile === undefined) throw new Error('--diff needs --profile: the profile to compare with');
  const machine = await inspectMachine(await requireConfig(directory), text);
  if (diff) return compare(machine, profile ?? '', format);
  const identity = machine.identity(profile);
  if (format === 'ipxe') return scriptOf(machine, identity) ?? nothing(identity);
  if (format !== undefined) return documentText(machine, requireBoot(identity), mainRequest(format));

  const script = scriptOf(machine, identity);
  if (script === undefined) return nothing(identity);
  const parts = [`# iPXE script of ${machine.mac} on network ${machine.network.name}\n${script}`];
  if (identity.admission === 'boot') {
    const own = documentOf(identity.profile);
    for (const request of own ? requestsOf(own) : []) {
      const name = request.format === 'cloud-init' ? `cloud-init ${request.file}` : request.format;
      const heading = `# ${name} of ${identity.hostname}, profile ${identity.profile.name}`;
      parts.push(`${heading}\n${pretty(request, documentText(machine, identity, request))}`);
    }
  }
  return parts.join('\n');
}

/** The machine as it is against the machine with another profile. */
function compare(machine: InspectedMachine, profile: string, format: RenderOptions['format']): string {
  const now = requireBoot(machine.identity());
  const then = requireBoot(machine.identity(profile));
  const lines = (identity: AdmittedMachine): readonly string[] => {
    if (format === undefined) return describe(machine, identity);
    if (format === 'ipxe') return (scriptOf(machine, identity) ?? '').split('\n');
    const request = mainRequest(format);
    return pretty(request, documentText(machine, identity, request)).split('\n');
  };
  const changes = diffLines(lines(now), lines(then));
  if (changes.length === 0) return `nothing would change for ${machine.mac} with profile ${profile}\n`;
  return `${[`--- ${machine.mac}, profile ${now.profile.name}`, `+++ ${machine.mac}, profile ${profile}`, ...changes].join('\n')}\n`;
}

function describe(machine: InspectedMachine, identity: AdmittedMachine): string[] {
  const variables = machine.variables(identity);
  const plan = planBoot(identity, machine.network, fillArgs(identity.profile, variables));
  const node = describeNode(identity.profile, variables, undefined, identity.entry.adoptDisk);
  return describeMachine(identity, plan, node);
}

function scriptOf(machine: InspectedMachine, identity: Identity): string | undefined {
  const context = {
    network: machine.network,
    identify: () => identity,
    fillArgs: (admitted: AdmittedMachine) => fillArgs(admitted.profile, machine.variables(admitted)),
  };
  return machineScriptFor(context, machine.mac, machine.inventory.serial)?.script;
}

function documentText(
  machine: InspectedMachine,
  identity: AdmittedMachine,
  request: DocumentRequest,
): string {
  const { profile, entry } = identity;
  const text = previewDocument(request, {
    profile,
    variables: machine.variables(identity),
    adoptDisk: entry.adoptDisk,
  });
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** Every document of a format: one, or cloud-init's four. */
function requestsOf(format: DocumentFormat): readonly DocumentRequest[] {
  return format === 'cloud-init' ? CLOUD_INIT_FILES.map((file) => ({ format, file })) : [mainRequest(format)];
}

/** Ignition's single line, on many. */
function pretty({ format }: DocumentRequest, text: string): string {
  return format === 'ignition' ? `${JSON.stringify(JSON.parse(text), null, 2)}\n` : text;
}

function requireBoot(identity: Identity): AdmittedMachine {
  if (identity.admission === 'boot') return identity;
  throw new Error(`${identity.mac} gets no document: ${identity.reason}; --profile shows what it would get`);
}

function nothing({ mac, reason }: Identity): string {
  return `# ${mac} gets nothing: ${reason}\n`;
}
