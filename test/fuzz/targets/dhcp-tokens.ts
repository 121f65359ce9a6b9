import { OPTION } from '../../../src/dhcp/options.ts';

const text = (code: number, value: string) =>
  Buffer.from([code, value.length, ...Buffer.from(value, 'latin1')]);
const bytes = (code: number, ...value: number[]) => Buffer.from([code, value.length, ...value]);

/** Options that decide about something, as they stand in a message. */
export const DHCP_TOKENS: readonly Uint8Array[] = [
  ...[1, 2, 3, 4, 7, 8].map((type) => bytes(OPTION.messageType, type)),
  bytes(OPTION.requestedAddress, 192, 168, 0, 7),
  bytes(OPTION.requestedAddress, 10, 0, 7, 9),
  bytes(OPTION.serverIdentifier, 192, 168, 0, 254),
  bytes(OPTION.serverIdentifier, 10, 0, 7, 1),
  bytes(OPTION.maxMessageSize, 2, 64),
  bytes(OPTION.maxMessageSize, 5, 220),
  bytes(OPTION.parameterRequestList, 1, 3, 6, 15, 43, 60, 66, 67, 119, 121, 224),
  bytes(OPTION.rapidCommit),
  bytes(OPTION.clientIdentifier, 1, 0x52, 0x54, 0, 0, 0, 1),
  bytes(OPTION.clientArchitecture, 0, 7),
  bytes(OPTION.clientArchitecture, 0, 16, 0, 11),
  bytes(OPTION.clientUuid, 0, ...Array.from({ length: 16 }, (_, index) => index)),
  bytes(OPTION.clientFqdn, 1, 0, 0, 0x6e, 0x31),
  bytes(OPTION.clientFqdn, 5, 0, 0, 2, 0x6e, 0x31, 0),
  bytes(OPTION.subnetSelection, 10, 0, 7, 0),
  bytes(OPTION.relayAgentInformation, 1, 4, 0x70, 0x37, 0x2d, 0x37, 2, 2, 0, 9),
  bytes(OPTION.relayAgentInformation, 5, 4, 10, 0, 7, 0, 10, 1, 0x80, 11, 4, 10, 0, 7, 1),
  bytes(OPTION.vendorSpecific, 71, 4, 0, 0, 0, 0, 255),
  bytes(OPTION.overload, 1),
  bytes(OPTION.overload, 3),
  bytes(OPTION.ipxeEncapsulated, 0x13, 1, 1, 0x18, 1, 1, 0x24, 1, 1, 0xeb, 3, 1, 21, 1),
  text(OPTION.userClass, 'iPXE'),
  text(OPTION.vendorClass, 'PXEClient:Arch:00007:UNDI:003001'),
  text(OPTION.vendorClass, 'HTTPClient:Arch:00016:UNDI:003001'),
  text(OPTION.vendorClass, 'cisco phone'),
  text(OPTION.hostName, 'worker-01'),
  Buffer.of(OPTION.pad),
  Buffer.of(OPTION.end),
];
