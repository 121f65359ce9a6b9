import { answerBoot } from '../../../src/boot/answer.ts';
import { recognise } from '../../../src/boot/firmware.ts';
import type { DhcpClient } from '../../../src/dhcp/client.ts';
import type { DhcpAnswer } from '../../../src/dhcp/compose.ts';
import type { DhcpNetwork } from '../../../src/dhcp/network.ts';
import { encodeOption, OPTION } from '../../../src/dhcp/options.ts';
import { type AddressRange, parseRange, subnetOf } from '../../../src/net/ipv4.ts';
import type { Mac } from '../../../src/net/mac.ts';
import {
  address,
  ip,
  machine,
  type RequestFields,
  requestBytes,
  SERVER,
  testNetwork,
  text,
} from '../../support/dhcp.ts';

/** A machine that is ignored. */
export const IGNORED: Mac = machine(0x66);
/** A machine that always gets this address. */
const RESERVED = machine(0x10);
/** Whatever is plugged in at this port gets this address. */
const PORT = { circuit: 'p7-7', address: ip('192.168.0.50') };
/** The relay agent of a further wire. */
const RELAY = '10.0.7.1';

const range = (from: string): AddressRange => parseRange(from) as AddressRange;
const WITHOUT_OPTIONS = { lease: 600, dns: [], ntp: [], search: [], routes: [], options: new Map() };

/** Networks that together use all that a network can have; small, so that addresses run out. */
export const NETWORKS: readonly DhcpNetwork[] = [
  testNetwork({
    plan: {
      ranges: [range('192.168.0.1-192.168.0.6'), range('172.16.0.10-172.16.0.12')],
      reservations: new Map([[RESERVED, ip('192.168.0.40')]]),
      places: new Set([PORT.address]),
    },
    bootp: 'answer',
    rapidCommit: true,
    ntp: [SERVER],
    search: ['kubernetes.local', 'example.net'],
    routes: [{ destination: subnetOf(ip('10.0.0.0'), 8), router: SERVER }],
    options: new Map([
      [224, Buffer.alloc(300, 'x')],
      [OPTION.logServer, encodeOption('ipv4_list', [SERVER])],
    ]),
    shared: [{ ...WITHOUT_OPTIONS, subnet: subnetOf(ip('172.16.0.0'), 24) }],
    relayed: [
      {
        subnets: [{ ...WITHOUT_OPTIONS, subnet: subnetOf(ip('10.0.7.0'), 24), router: ip(RELAY) }],
        plan: { ranges: [range('10.0.7.9-10.0.7.12')], reservations: new Map() },
        relays: [],
      },
      {
        subnets: [{ ...WITHOUT_OPTIONS, subnet: subnetOf(ip('10.0.8.0'), 24) }],
        plan: { ranges: [range('10.0.8.9-10.0.8.10')], reservations: new Map() },
        relays: [ip('10.9.9.9')],
      },
    ],
    vendorOptions: [
      {
        matches: (vendorClass) => vendorClass.startsWith('cisco'),
        value: Buffer.from('f1040a000701', 'hex'),
      },
    ],
  }),
  testNetwork({
    plan: { ranges: [range('192.168.0.1-192.168.0.3')], reservations: new Map() },
    conflictCheck: true,
    lease: 0xffffffff,
  }),
];

/** Decides as the service does, with every loader at hand; what differs by machine follows from its hardware address. */
export function answerTo(
  client: DhcpClient,
  place: 'dhcp' | 'proxy' | 'boot-server' = 'dhcp',
): DhcpAnswer | undefined {
  if (client.mac === IGNORED) return undefined;
  const booter = recognise(client);
  const boot =
    booter &&
    answerBoot(booter, client.vendorClass !== undefined, {
      server: SERVER,
      baseUrl: 'http://192.168.0.254',
      isAvailable: () => true,
      place,
    });
  const last = Number.parseInt(client.mac.slice(-2), 16);
  return {
    ...(last % 2 === 0 && { hostname: `worker-${last}` }),
    ...(last % 3 === 0 && { lease: 120 }),
    ...(last % 5 === 0 && { options: new Map([[OPTION.domainName, Buffer.alloc(255, 'd')]]) }),
    ...(client.attachment?.circuit === PORT.circuit && { place: PORT.address }),
    isKnown: last % 2 === 1,
    ...(typeof boot === 'object' && { boot }),
  };
}

const OURS = address(OPTION.serverIdentifier, '192.168.0.254');
const wants = (wish: string) => address(OPTION.requestedAddress, wish);
const AT_PORT = [OPTION.relayAgentInformation, Buffer.from('\x01\x04p7-7\x02\x02sw', 'latin1')] as const;
const PXE = text(OPTION.vendorClass, 'PXEClient:Arch:00007:UNDI:003001');

const FIELDS: readonly RequestFields[] = [
  { type: 'discover' },
  {
    type: 'discover',
    chaddr: machine(2),
    options: [PXE, [OPTION.parameterRequestList, Uint8Array.of(1, 3, 67, 224)]],
  },
  {
    type: 'discover',
    chaddr: machine(15),
    options: [[OPTION.rapidCommit, Buffer.alloc(0)], wants('192.168.0.2')],
  },
  { type: 'discover', chaddr: machine(4), giaddr: RELAY, options: [AT_PORT] },
  { type: 'discover', chaddr: machine(5), options: [AT_PORT] },
  { type: 'discover', chaddr: machine(6), options: [address(OPTION.subnetSelection, '10.0.7.0')] },
  { type: 'discover', chaddr: RESERVED, flags: 0x8000 },
  { type: 'discover', chaddr: IGNORED },
  { type: 'request', options: [OURS, wants('192.168.0.1')] },
  { type: 'request', options: [address(OPTION.serverIdentifier, '192.168.0.9'), wants('192.168.0.1')] },
  { type: 'request', chaddr: machine(4), giaddr: RELAY, options: [OURS, wants('10.0.7.9'), AT_PORT] },
  { type: 'request', options: [wants('192.168.0.1')] },
  { type: 'request', ciaddr: '192.168.0.1' },
  { type: 'release', ciaddr: '192.168.0.1' },
  { type: 'decline', options: [wants('192.168.0.1')] },
  { type: 'inform', ciaddr: '192.168.0.77', options: [text(OPTION.vendorClass, 'cisco phone')] },
  { chaddr: machine(9) },
];

/** Messages of all kinds. */
export function someRequests(): Buffer[] {
  return FIELDS.map(requestBytes);
}
