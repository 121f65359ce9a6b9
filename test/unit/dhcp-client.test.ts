import test from 'ava';
import { describeClient } from '../../src/dhcp/client.ts';
import { OPTION } from '../../src/dhcp/options.ts';
import { request, text } from '../support/dhcp.ts';

const describe = (...options: (readonly [number, Uint8Array])[]) => describeClient(request({ options }));

test('the architectures of option 93 are a list', (t) => {
  t.deepEqual(describe([OPTION.clientArchitecture, Uint8Array.of(0, 7, 0, 9)]).architectures, [7, 9]);
});

test('a torn option 93 gives what is whole', (t) => {
  t.deepEqual(describe([OPTION.clientArchitecture, Uint8Array.of(0, 7, 0)]).architectures, [7]);
});

test('a user class is read as iPXE sends it, a bare string', (t) => {
  t.is(describe(text(OPTION.userClass, 'iPXE')).userClass, 'iPXE');
});

test('a user class is read as RFC 3004 says, a list with lengths', (t) => {
  t.is(describe(text(OPTION.userClass, '\x04iPXE\x03lab')).userClass, 'iPXE,lab');
});

test('the features in iPXE’s option 175 are told by tag', (t) => {
  const value = Buffer.from('b105011af41000130101180101eb03010000', 'hex');
  t.deepEqual([...(describe([OPTION.ipxeEncapsulated, value]).ipxeFeatures ?? [])], [0xb1, 0x13, 0x18, 0xeb]);
});

test('the UUID of option 97 comes out as SMBIOS prints it', (t) => {
  const wire = Buffer.from('0033221100554477668899aabbccddeeff', 'hex');
  t.is(describe([OPTION.clientUuid, wire]).uuid, '00112233-4455-6677-8899-aabbccddeeff');
});

test('a UUID of the wrong length or type is left out', (t) => {
  t.is(describe([OPTION.clientUuid, Buffer.alloc(5)]).uuid, undefined);
  t.is(describe([OPTION.clientUuid, Buffer.alloc(17, 1)]).uuid, undefined);
});

test('unprintable characters in names are left out', (t) => {
  t.is(describe(text(OPTION.hostName, 'a\x1b[31mb\n')).hostname, 'a[31mb');
});

const ATTACHMENTS: readonly [what: string, hex: string, attachment: object | undefined][] = [
  ['text as it is', '0108676530322d3134330206737769746368', { circuit: 'ge02-143', remote: 'switch' }],
  [
    'bytes as hexadecimal digits',
    '010400010007 0208 0006 001122334455',
    { circuit: '00:01:00:07', remote: '00:06:00:11:22:33:44:55' },
  ],
  ['one without the other', '020141', { remote: 'A' }],
  ['other sub-options not at all', '050461626364', undefined],
  ['what is whole of a torn one', '010141 0208 41', { circuit: 'A', remote: 'A' }],
];

for (const [what, hex, attachment] of ATTACHMENTS) {
  test(`the place that a relay agent tells in option 82 is shown: ${what}`, (t) => {
    const value = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    t.deepEqual(describe([OPTION.relayAgentInformation, value]).attachment, attachment);
  });
}

test('a place in option 82 is shown no further than 64 bytes', (t) => {
  const value = Buffer.concat([Buffer.of(1, 200), Buffer.alloc(200, 'x')]);
  t.is(describe([OPTION.relayAgentInformation, value]).attachment?.circuit?.length, 64);
});

test('secs are told unless they are zero', (t) => {
  t.is(describeClient(request({ type: 'discover', secs: 14 })).secs, 14);
  t.false('secs' in describeClient(request({ type: 'discover' })));
});

test('of options that are longer than one can be, no more is kept than of one', (t) => {
  const pieces = (code: number) => Array.from({ length: 8 }, () => [code, Buffer.alloc(250, 'A')] as const);
  const codes = [OPTION.vendorClass, OPTION.userClass, OPTION.hostName, OPTION.clientArchitecture];
  const { vendorClass, userClass, hostname, architectures } = describe(...codes.flatMap(pieces));
  t.deepEqual([vendorClass?.length, userClass?.length, hostname?.length], [255, 255, 255]);
  t.is(architectures.length, 8);
});
