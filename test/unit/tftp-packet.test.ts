import test from 'ava';
import fc from 'fast-check';
import { encodeError, encodeOack, Opcode, parsePacket, writeDataHead } from '../../src/tftp/packet.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

const requests = [
  ['RRQ', '\0\x01pxe.0\0octet\0', { opcode: 1, filename: 'pxe.0', mode: 'octet', options: [] }],
  ['WRQ', '\0\x02pxe.0\0octet\0', { opcode: 2, filename: 'pxe.0', mode: 'octet', options: [] }],
  ['mode in capitals', '\0\x01a\0OcTeT\0', { opcode: 1, filename: 'a', mode: 'octet', options: [] }],
  ['empty name', '\0\x01\0octet\0', { opcode: 1, filename: '', mode: 'octet', options: [] }],
  [
    'options keep their spelling and order',
    '\0\x01a\0octet\0TSIZE\x000\0blksize\x001468\0',
    {
      opcode: 1,
      filename: 'a',
      mode: 'octet',
      options: [
        ['TSIZE', '0'],
        ['blksize', '1468'],
      ],
    },
  ],
  [
    'padding after the options',
    '\0\x01a\0octet\0tsize\x000\0\0\0\0\0',
    { opcode: 1, filename: 'a', mode: 'octet', options: [['tsize', '0']] },
  ],
  [
    'half an option at the end',
    '\0\x01a\0octet\0tsize\x000\0blksize',
    { opcode: 1, filename: 'a', mode: 'octet', options: [['tsize', '0']] },
  ],
] as const;

for (const [name, datagram, expected] of requests) {
  test(`a request is read: ${name}`, (t) => {
    const packet = parsePacket(bytes(datagram));
    if (!packet || !('filename' in packet)) return t.fail('not read as a request');
    t.deepEqual({ ...packet, filename: Buffer.from(packet.filename).toString('latin1') }, expected as never);
  });
}

const others = [
  ['ACK', '\0\x04\xff\xfe', { opcode: Opcode.ACK, block: 65534 }],
  ['ACK with padding', '\0\x04\0\x01\0\0\0\0', { opcode: Opcode.ACK, block: 1 }],
  ['ERROR', '\0\x05\0\x08stop\0', { opcode: Opcode.ERROR, code: 8, message: bytes('stop') }],
  ['ERROR without its last NUL', '\0\x05\0\x00no', { opcode: Opcode.ERROR, code: 0, message: bytes('no') }],
  ['ERROR without a message', '\0\x05\0\x00', { opcode: Opcode.ERROR, code: 0, message: bytes('') }],
  ['DATA', '\0\x03\0\x01abc', { opcode: Opcode.DATA }],
  ['OACK', '\0\x06tsize\x005\0', { opcode: Opcode.OACK }],
] as const;

for (const [name, datagram, expected] of others) {
  test(`a packet is read: ${name}`, (t) => {
    t.deepEqual(parsePacket(bytes(datagram)), expected as never);
  });
}

const malformed = [
  ['nothing', ''],
  ['an opcode alone', '\0\x01'],
  ['opcode 0', '\0\0\0\x01'],
  ['opcode 7', '\0\x07\0\x01'],
  ['opcode 256 + 1', '\x01\x01a\0octet\0'],
  ['a name without an end', '\0\x01pxelinux.0'],
  ['no mode', '\0\x01pxelinux.0\0'],
  ['a mode without an end', '\0\x01pxelinux.0\0octet'],
  ['a request longer than a frame', `\0\x01${'a'.repeat(1500)}\0octet\0`],
] as const;

for (const [name, datagram] of malformed) {
  test(`not TFTP: ${name}`, (t) => {
    t.is(parsePacket(bytes(datagram)), undefined);
  });
}

test('any bytes at all can be read without an exception', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8 }), fc.uint8Array({ maxLength: 200 }), (opcode, rest) => {
      parsePacket(Uint8Array.of(0, opcode, ...rest));
      parsePacket(rest);
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('DATA carries the low 16 bits of its block number', (t) => {
  const headOf = (block: number, data: string) => {
    const packet = bytes(`????${data}`);
    writeDataHead(packet, block);
    return packet;
  };
  t.deepEqual(headOf(1, 'abc'), bytes('\0\x03\0\x01abc'));
  t.deepEqual(headOf(65536, ''), bytes('\0\x03\0\0'));
  t.deepEqual(headOf(65537 + 511, ''), bytes('\0\x03\x02\0'));
});

test('OACK lists options as NUL-terminated pairs', (t) => {
  const oack = encodeOack([
    ['tsize', '5'],
    ['BlkSize', '8'],
  ]);
  t.deepEqual(oack, bytes('\0\x06tsize\x005\0BlkSize\x008\0'));
});

test('ERROR ends its message with a NUL and keeps it short enough for firmware', (t) => {
  t.deepEqual(encodeError(1, 'no'), bytes('\0\x05\0\x01no\0'));
  t.is(encodeError(1, 'x'.repeat(5_000)).length, 205);
});
