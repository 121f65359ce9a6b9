import { type Ipv4, ipv4FromBytes, UNSPECIFIED } from '../net/ipv4.ts';
import { OPTION } from './options.ts';
import type { DhcpPacket } from './packet.ts';

/** What a relay agent adds to the messages it passes on. Sub-options of option 82 (RFC 3046) unless noted. */
export interface RelayInformation {
  /** `giaddr`, when it isn't zero: who passed the message on. A switch that only adds option 82 leaves it zero. */
  readonly relay?: Ipv4;
  /** Sub-option 1: the port the message came in by. */
  readonly circuit?: Uint8Array;
  /** Sub-option 2: the switch itself. */
  readonly remote?: Uint8Array;
  /** Sub-option 5 (RFC 3527): an address of the link that the client is on. */
  readonly linkSelection?: Ipv4;
  /** Sub-option 10 (RFC 5010): true when the client had sent the message to the relay agent by unicast. */
  readonly wasUnicast?: boolean;
  /** Sub-option 11 (RFC 5107): the server identifier to answer with, so that renewals go by way of the relay agent. */
  readonly serverIdentifier?: Ipv4;
}

const SUB_OPTION = {
  circuit: 1,
  remote: 2,
  linkSelection: 5,
  flags: 10,
  serverIdentifier: 11,
  sourcePort: 19,
} as const;
/** Sub-option 10: the client's message was unicast. */
const UNICAST_FLAG = 0x80;
const NOTHING: RelayInformation = {};

/**
 * What relay agents say about a message. Malformed sub-options are left out; those that change how we answer count only
 * when a relay agent has put its address into `giaddr`, as clients have no business with them.
 */
export function readRelayInformation({ giaddr, options }: DhcpPacket): RelayInformation {
  const value = options.get(OPTION.relayAgentInformation);
  if (!value) return giaddr === UNSPECIFIED ? NOTHING : { relay: giaddr };
  const found = readSubOptions(value);
  const circuit = found.get(SUB_OPTION.circuit);
  const remote = found.get(SUB_OPTION.remote);
  const place = { ...(circuit && { circuit }), ...(remote && { remote }) };
  if (giaddr === UNSPECIFIED) return place;
  const linkSelection = addressIn(found.get(SUB_OPTION.linkSelection));
  const serverIdentifier = addressIn(found.get(SUB_OPTION.serverIdentifier));
  const flags = found.get(SUB_OPTION.flags)?.[0];
  return {
    relay: giaddr,
    ...place,
    ...(linkSelection !== undefined && { linkSelection }),
    ...(serverIdentifier !== undefined && { serverIdentifier }),
    ...(flags !== undefined && { wasUnicast: (flags & UNICAST_FLAG) !== 0 }),
  };
}

/** True when a relay agent wants its replies at the UDP port that it sends from (sub-option 19, RFC 8357 §4.2). */
export function wantsSourcePort({ giaddr, options }: DhcpPacket): boolean {
  const value = giaddr === UNSPECIFIED ? undefined : options.get(OPTION.relayAgentInformation);
  if (!value) return false;
  // It has no value: only that it's there counts.
  for (let position = 0; position + 1 < value.length; position += 2 + (value[position + 1] as number)) {
    if (value[position] === SUB_OPTION.sourcePort) return true;
  }
  return false;
}

/** Sub-options by code, empty ones left out. What runs past the end is cut off there; of two with one code the last counts. */
function readSubOptions(value: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let position = 0; position + 2 < value.length; ) {
    const length = value[position + 1] as number;
    const bytes = value.subarray(position + 2, position + 2 + length);
    if (bytes.length > 0) found.set(value[position] as number, bytes);
    position += 2 + length;
  }
  return found;
}

function addressIn(value: Uint8Array | undefined): Ipv4 | undefined {
  return (value?.length === 4 && ipv4FromBytes(value)) || undefined;
}
