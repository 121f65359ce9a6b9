import { pino } from 'pino';
import { recognise } from '../boot/firmware.ts';
import type { FirmwareFolder } from '../boot/firmware-folder.ts';
import type { CaptureContext, OurAnswer } from '../capture/context.ts';
import { answerClient } from '../client-answer.ts';
import type { Config, Network } from '../config/config.ts';
import type { DropReason, SilenceReason } from '../dhcp/events.ts';
import type { Outcome } from '../dhcp/outcome.ts';
import { type DhcpPacket, decodePacket } from '../dhcp/packet.ts';
import { ProxyResponder } from '../dhcp/proxy.ts';
import { DhcpResponder } from '../dhcp/responder.ts';
import { dhcpNetwork } from '../dhcp-network.ts';
import type { Identity } from '../machines/identity.ts';
import { contains, formatIpv4, formatRange, UNSPECIFIED } from '../net/ipv4.ts';
import type { Mac } from '../net/mac.ts';

/** What answers to the packets of a capture are found with. */
export interface AnswerSources {
  readonly config: Config;
  /** The network that was recorded. */
  readonly network: Network;
  readonly identify: (mac: Mac) => Identity;
  readonly firmware: Pick<FirmwareFolder, 'has'>;
}

const BOOT_SERVER_PORT = 4011;
/** A file that is made for each machine: `52-54-00-12-34-56.ipxe`. */
const SCRIPT_NAME = /^[0-9a-f-]{17}\.ipxe$/i;

const SILENCE: Readonly<Record<SilenceReason, string>> = {
  'no-reply-expected': 'it needs no answer',
  'not-served': 'this machine is ignored: unknown_machines says so, or BOOTP is switched off',
  'other-server-chosen': 'the machine has chosen another server',
  'offer-too-late': 'it has chosen another server already',
  'address-not-ours': 'another server gives the addresses, and it asks for nothing else',
  'no-record': 'only if our records say that it has this address',
  'pool-exhausted': 'no address is left',
  'nothing-held': 'it gives back what it does not have',
  'store-failed': 'the store could not be written',
  'send-failed': 'it could not be sent',
};

/**
 * Answers as the service would with this configuration, from the same code. It has no leases, so the addresses that it
 * chooses are not told: only that one is given, and whether it's reserved. In mode `auto` it answers as the only server.
 */
export function createCaptureContext({ config, network, ...sources }: AnswerSources): CaptureContext {
  const notes: string[] = [];
  // What the service would log about a machine is a note here.
  const logger = pino(
    { level: 'warn' },
    { write: (line: string) => notes.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const parts = {
    config: () => config,
    identifier: { admit: sources.identify, lookUp: sources.identify, lookAhead: sources.identify },
    firmware: sources.firmware,
    // A child for each answer, as a logger holds back what it has said of another machine just before.
    get logger() {
      return logger.child({});
    },
  };
  const { mode, options } = network.dhcp;
  const server = new DhcpResponder(
    dhcpNetwork(network, config),
    { answer: (client) => answerClient(client, network, parts) },
    [],
  );
  const proxy = new ProxyResponder(
    { address: network.address, options },
    {
      answer: (client, place) => answerClient(client, network, parts, place),
    },
  );

  return {
    ours: new Set(config.networks.map(({ address }) => address)),
    mode,
    recognise: (client) => recognise(client, config.firmware.loaders),
    hasFile: (name) => sources.firmware.has(name) || SCRIPT_NAME.test(name),
    answer(packet, { source, sourcePort, destination, destinationPort }): OurAnswer {
      notes.splice(0);
      const unicast = destination === network.address;
      const outcome =
        destinationPort === BOOT_SERVER_PORT
          ? proxy.bootServer(packet, { address: source, port: sourcePort })
          : mode === 'proxy'
            ? proxy.handle(packet, unicast)
            : server.handle(packet, unicast, 0);
      const identity = sources.identify(packet.chaddr);
      if (identity.admission !== 'boot') notes.push(`it may not boot: ${identity.reason}`);
      return { ...describeOutcome(outcome, packet), notes: [...reasons(outcome), ...notes] };
    },
  };

  function describeOutcome(outcome: Outcome, { chaddr }: DhcpPacket): Pick<OurAnswer, 'reply' | 'address'> {
    const reply = outcome.type === 'reply' ? decodePacket(outcome.datagram.bytes) : undefined;
    if (reply === undefined || typeof reply === 'string') return {};
    if (reply.yiaddr === UNSPECIFIED) return { reply };
    const reserved = config.machines.get(chaddr)?.address;
    const pool = network.dhcp.ranges.map(formatRange).join(', ');
    const address =
      reserved !== undefined && contains(network.subnet, reserved)
        ? `${formatIpv4(reserved)} (reserved)`
        : `an address of ${pool}`;
    return { reply, address };
  }
}

function reasons(outcome: Outcome): string[] {
  if (outcome.type === 'dropped') return [`a server drops it (${dropped(outcome.reason)})`];
  if (outcome.type === 'reply') return [];
  return [outcome.detail ?? SILENCE[outcome.reason]];
}

function dropped(reason: DropReason): string {
  return reason === 'unknown-relay' ? "its relay agent's address is on no network of ours" : reason;
}
