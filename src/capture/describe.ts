import type { NetworkBooter } from '../boot/firmware.ts';
import type { DhcpClient } from '../dhcp/client.ts';
import { decodeOption, describeOption, OPTION } from '../dhcp/options.ts';
import { type DhcpPacket, MESSAGE, messageType, OP } from '../dhcp/packet.ts';
import { readVendorClasses, readVendorOptions } from '../dhcp/vendor.ts';
import { formatIpv4, type Ipv4, ipv4FromBytes, UNSPECIFIED } from '../net/ipv4.ts';

// What DHCP messages say, for people. Nothing here is made printable: whoever shows it does that.

/** iPXE's feature tags (src/include/ipxe/features.h). */
const FEATURES: ReadonlyMap<number, string> = new Map([
  [0x11, 'iSCSI'],
  [0x12, 'AoE'],
  [0x13, 'HTTP'],
  [0x14, 'HTTPS'],
  [0x15, 'TFTP'],
  [0x16, 'FTP'],
  [0x17, 'DNS'],
  [0x18, 'bzImage'],
  [0x19, 'Multiboot'],
  [0x21, 'PXE'],
  [0x22, 'ELF'],
  [0x24, 'EFI'],
  [0x26, 'VLAN'],
  [0x27, 'menus'],
  [0x29, 'NFS'],
]);
/** The tag of iPXE's version, three bytes. */
const VERSION = 0xeb;
/** Bytes shown of an option that isn't text. */
const SHOWN = 32;
const NOTHING = new Uint8Array();

/** `DISCOVER`, `OFFER`, `BOOTREQUEST`: the name of a message. */
export function nameMessage(packet: DhcpPacket): string {
  const type = messageType(packet);
  if (type === undefined) return packet.op === OP.bootRequest ? 'BOOTREQUEST' : 'BOOTREPLY';
  const found = Object.entries(MESSAGE).find(([, code]) => code === type);
  return found ? found[0].toUpperCase() : `message type ${type}`;
}

/** Who sent a request, by what it says of itself. */
export function describeSender(
  client: DhcpClient,
  booter: NetworkBooter | undefined,
  packet: DhcpPacket,
): string {
  const { architectures, vendorClass, userClass, uuid, hostname, attachment } = client;
  const parts = [
    booter?.name ?? 'an operating system or a plain DHCP client: it does not boot from the network',
    architectures.length > 0 && `architecture ${architectures.join(', ')} (93)`,
    vendorClass !== undefined && `vendor class "${vendorClass}" (60)`,
    userClass !== undefined && `user class "${userClass}" (77)`,
    ...describeVendors(packet),
    client.ipxeFeatures && describeFeatures(client.ipxeFeatures, packet),
    uuid !== undefined && `uuid ${uuid}`,
    hostname !== undefined && `host name "${hostname}"`,
    attachment?.circuit !== undefined && `at port "${attachment.circuit}"`,
    attachment?.remote !== undefined && `of switch "${attachment.remote}"`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** What it says of itself to vendors that are named by their number (RFC 3925). */
function describeVendors({ options }: DhcpPacket): string[] {
  const classes = readVendorClasses(options.get(OPTION.vendorIdentifyingClass) ?? NOTHING);
  const asked = readVendorOptions(options.get(OPTION.vendorIdentifyingOptions) ?? NOTHING);
  return [
    ...classes.map(({ enterprise, values }) =>
      ['class', ...values.map((value) => `"${text(value)}"`), `of enterprise ${enterprise} (124)`].join(' '),
    ),
    ...asked.map(({ enterprise }) => `options of enterprise ${enterprise} (125)`),
  ];
}

function describeFeatures(tags: ReadonlySet<number>, { options }: DhcpPacket): string {
  const names = [...FEATURES].filter(([tag]) => tags.has(tag)).map(([, name]) => name);
  const version = readVersion(options.get(OPTION.ipxeEncapsulated));
  return `iPXE ${version === undefined ? '' : `${version} `}with ${names.join(' ') || 'no feature that is known'} (175)`;
}

function readVersion(encapsulated: Uint8Array = new Uint8Array()): string | undefined {
  for (let at = 0; at + 1 < encapsulated.length; ) {
    const length = encapsulated[at + 1] as number;
    const value = encapsulated.subarray(at + 2, at + 2 + length);
    if (encapsulated[at] === VERSION && value.length === 3) return value.join('.');
    at += 2 + length;
  }
  return undefined;
}

/** What a request is about: the address it wants or has, the server it has chosen, the relay it came through. */
export function describeRequest(packet: DhcpPacket): string {
  const wanted = addressOption(packet, OPTION.requestedAddress);
  const server = addressOption(packet, OPTION.serverIdentifier);
  const parts = [
    wanted !== undefined && `wants ${formatIpv4(wanted)}`,
    server !== undefined && `from ${formatIpv4(server)}`,
    packet.ciaddr !== UNSPECIFIED && `has ${formatIpv4(packet.ciaddr)}`,
    packet.giaddr !== UNSPECIFIED && `through the relay ${formatIpv4(packet.giaddr)}`,
    packet.secs > 0 && `secs ${packet.secs}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** The server that a reply comes from, by its option 54. */
export function serverOf(packet: DhcpPacket): Ipv4 | undefined {
  return addressOption(packet, OPTION.serverIdentifier);
}

/** The boot file of a reply: option 67, else `file`. */
export function bootFileOf(packet: DhcpPacket): string {
  const option = packet.options.get(OPTION.bootFileName);
  return (option && text(option)) || packet.file;
}

/** What a reply gives. `address` is said in place of `yiaddr`, where that was made up. */
export function describeReply(packet: DhcpPacket, address = given(packet)): string {
  const file = bootFileOf(packet);
  const told = packet.options.get(OPTION.message);
  const options = [...packet.options].filter(([code]) => BOOT_OPTIONS.has(code)).map(describeValue);
  const parts = [
    address,
    packet.siaddr !== UNSPECIFIED && `siaddr ${formatIpv4(packet.siaddr)}`,
    file !== '' && `file ${file}`,
    told && `"${text(told)}" (56)`,
    ...options,
  ];
  return parts.filter(Boolean).join(', ');
}

/** Options of a reply that decide whether and what firmware boots, besides its file. */
const BOOT_OPTIONS: ReadonlySet<number> = new Set([
  OPTION.vendorSpecific,
  OPTION.leaseTime,
  OPTION.serverIdentifier,
  OPTION.vendorClass,
  OPTION.tftpServerName,
  OPTION.tftpServerAddress,
  OPTION.ipxeEncapsulated,
]);

function given({ yiaddr }: DhcpPacket): string {
  return yiaddr === UNSPECIFIED ? 'no address' : formatIpv4(yiaddr);
}

function describeValue([code, value]: readonly [number, Uint8Array]): string {
  return `${describeOption(code)} ${formatValue(code, value)}`;
}

function formatValue(code: number, value: Uint8Array): string {
  const address = code === OPTION.serverIdentifier ? decodeOption('ipv4', value) : undefined;
  if (address !== undefined) return formatIpv4(address);
  if (code === OPTION.leaseTime) return `${decodeOption('uint32', value) ?? 'of a wrong length'} s`;
  if (code === OPTION.vendorClass || code === OPTION.tftpServerName) return text(value);
  const hex = Buffer.from(value.subarray(0, SHOWN)).toString('hex').match(/../g)?.join(':') ?? 'empty';
  return value.length > SHOWN ? `${hex}…` : hex;
}

/** Text on the wire, without the NULs that end it. */
function text(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1').replace(/\0+$/, '');
}

function addressOption(packet: DhcpPacket, code: number): Ipv4 | undefined {
  const value = packet.options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}
