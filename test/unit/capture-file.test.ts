import test from 'ava';
import { readCapture } from '../../src/capture/file.ts';
import { readDatagram } from '../../src/capture/frame.ts';
import { type CaptureForm, ethernetFrame, pcapngOf, pcapOf, recordedCapture } from '../support/pcap.ts';
import { KNOWN } from '../support/provisioning.ts';

const PAYLOAD = Buffer.from('hello');
const FRAME = ethernetFrame({ payload: PAYLOAD });

for (const [name, write] of [
  ['pcap', pcapOf],
  ['pcapng', pcapngOf],
] as const) {
  for (const form of [
    { little: true },
    { little: false },
    { nanoseconds: true },
    { little: false, nanoseconds: true },
  ] as const satisfies readonly CaptureForm[]) {
    test(`${name} is read whatever its byte order and resolution: ${JSON.stringify(form)}`, (t) => {
      const { frames, damage } = readCapture(write([FRAME, FRAME], form));
      t.is(damage, undefined);
      t.deepEqual(
        frames.map(({ at, linkType, wireLength }) => [at, linkType, wireLength]),
        [
          [1_500, 1, FRAME.length],
          [2_500, 1, FRAME.length],
        ],
      );
      t.deepEqual(Buffer.from(frames[1]?.bytes ?? []), FRAME);
    });
  }

  test(`what comes before the damage of a ${name} file is read`, (t) => {
    const whole = write([FRAME, FRAME]);
    const { frames, damage } = readCapture(whole.subarray(0, whole.length - 20));
    t.is(frames.length, 1);
    t.regex(damage ?? '', /^the file ends within /);
  });
}

test('an empty pcap file holds nothing, and one that is cut in its header is damaged', (t) => {
  t.deepEqual(readCapture(pcapOf([])), { frames: [] });
  t.deepEqual(readCapture(pcapOf([]).subarray(0, 12)).frames, []);
  t.truthy(readCapture(pcapOf([]).subarray(0, 12)).damage);
});

test('a packet that claims to be longer than any is not believed', (t) => {
  const file = pcapOf([FRAME]);
  file.writeUInt32LE(0x7fffffff, 24 + 8);
  t.regex(readCapture(file).damage ?? '', /^packet 1 \(byte 24\) claims to be 2147483647 bytes long$/);
});

for (const [bytes, reason] of [
  [Buffer.from('#!/bin/sh\n'), /neither pcap nor pcapng/],
  [Buffer.from([0x1f, 0x8b, 8, 0]), /gunzip it first/],
  [Buffer.alloc(0), /neither pcap nor pcapng/],
] as const) {
  test(`a file that begins with "${bytes.toString('hex')}" is refused`, (t) => {
    t.throws(() => readCapture(bytes), { message: reason });
  });
}

const datagramOf = (bytes: Uint8Array, linkType = 1) =>
  readDatagram({ at: 0, linkType, bytes, wireLength: bytes.length });

test('VLAN tags are taken off, and told', (t) => {
  const bytes = ethernetFrame({ payload: PAYLOAD, vlans: [100, 7] });
  t.like(datagramOf(bytes), {
    vlans: [100, 7],
    from: KNOWN,
    sourcePort: 68,
    destinationPort: 67,
    missing: 0,
  });
  t.is(Buffer.from(datagramOf(bytes)?.payload ?? []).toString(), 'hello');
});

test('a datagram is found without Ethernet as well: raw IP, Linux cooked captures, loopback', (t) => {
  const packet = FRAME.subarray(14);
  const cooked = Buffer.from('0000000100060000000000000000', 'hex');
  const cooked2 = Buffer.from('0800000000000002000100060000000000000000', 'hex');
  for (const [linkType, head] of [
    [101, Buffer.alloc(0)],
    [228, Buffer.alloc(0)],
    [113, Buffer.concat([cooked, Buffer.of(8, 0)])],
    [276, cooked2],
    [0, Buffer.of(2, 0, 0, 0)],
  ] as const) {
    const found = datagramOf(Buffer.concat([head, packet]), linkType);
    t.is(Buffer.from(found?.payload ?? []).toString(), 'hello', `link type ${linkType}`);
  }
  t.is(datagramOf(FRAME, 105), undefined);
});

test('what the recording has cut off is counted', (t) => {
  t.is(datagramOf(FRAME.subarray(0, FRAME.length - 3))?.missing, 3);
});

test('padding behind a short packet is not part of it', (t) => {
  t.is(datagramOf(Buffer.concat([FRAME, Buffer.alloc(20)]))?.payload.length, PAYLOAD.length);
});

test('ARP, TCP and later fragments are no datagrams', (t) => {
  const changed = (at: number, value: number) => {
    const bytes = Buffer.from(FRAME);
    bytes[at] = value;
    return datagramOf(bytes);
  };
  t.is(changed(13, 6), undefined);
  t.is(changed(14 + 9, 6), undefined);
  t.is(changed(14 + 7, 9), undefined);
});

test('every packet of the recorded boots is a datagram', (t) => {
  for (const name of ['bios-ipxe-rom', 'ovmf-pxe', 'ovmf-http']) {
    const { frames, damage } = readCapture(recordedCapture(name));
    t.is(damage, undefined);
    t.true(frames.length >= 8);
    t.true(frames.every((frame) => readDatagram(frame)?.missing === 0));
  }
});
