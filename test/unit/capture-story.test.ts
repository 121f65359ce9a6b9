import test from 'ava';
import type { CaptureEntry } from '../../src/capture/context.ts';
import { readCapture } from '../../src/capture/file.ts';
import { tellCapture } from '../../src/capture/story.ts';
import { createCaptureContext } from '../../src/cli/capture-answers.ts';
import type { Config } from '../../src/config/config.ts';
import { OPTION } from '../../src/dhcp/options.ts';
import { identify } from '../../src/machines/identity.ts';
import { good, RACKSEED } from '../support/config.ts';
import { address, requestBytes, text } from '../support/dhcp.ts';
import { type CapturedDatagram, ethernetFrame, pcapOf, recordedCapture } from '../support/pcap.ts';
import { mutate, seededRandom } from '../support/recorded.ts';

const CONFIG = good({ 'rackseed.yaml': `${RACKSEED}unknown_machines: boot\n` });

/** What is told about a capture file. */
function tell(file: Uint8Array, config: Config = CONFIG) {
  const [network] = config.networks;
  if (!network) throw new Error('the configuration has no network');
  const context = createCaptureContext({
    config,
    network,
    identify: (mac) => identify(config, mac),
    firmware: { has: (name) => name === 'snponly.efi' },
  });
  let summary: readonly string[] = [];
  const entries: CaptureEntry[] = [
    ...tellCapture(readCapture(file), context, (lines) => {
      summary = lines;
    }),
  ];
  return { entries, summary, titles: entries.map(({ title }) => title) };
}

const tellDatagrams = (datagrams: readonly CapturedDatagram[], config?: Config) =>
  tell(pcapOf(datagrams.map(ethernetFrame)), config);

test('a recorded PXE boot is told from the firmware to the operating system, with what we would answer', (t) => {
  const { entries, titles, summary } = tell(recordedCapture('ovmf-pxe'));
  t.is(titles[0], '52:54:00:00:00:01 → broadcast  DISCOVER from 52:54:00:00:00:01');
  t.regex(
    entries[0]?.lines[0] ?? '',
    /^it is UEFI x64, architecture 7 \(93\), vendor class "PXEClient:Arch:00007:UNDI:003000" \(60\), uuid 0/,
  );
  t.regex(
    entries[0]?.lines[1] ?? '',
    /^we would answer OFFER: an address of 192\.168\.0\.1-192\.168\.0\.100, siaddr 192\.168\.0\.254, file snponly\.efi, /,
  );
  t.regex(entries[1]?.lines[0] ?? '', /^from us: OFFER gives 192\.168\.0\.79, .*file snponly\.efi/);
  t.is(
    titles[4],
    '192.168.0.79 → 192.168.0.254  TFTP request for snponly.efi (octet; tsize 0, blksize 1468, windowsize 4)',
  );
  t.deepEqual(entries[4]?.lines, ['we would send it']);
  t.regex(entries[6]?.lines[0] ?? '', /^it is iPXE, .*iPXE 1\.0\.0 with .*HTTP.*EFI.* \(175\)/);
  t.regex(entries[6]?.lines[1] ?? '', /file http:\/\/192\.168\.0\.254\/boot\.ipxe/);
  t.regex(entries[10]?.lines[0] ?? '', /does not boot from the network, vendor class "udhcp/);
  t.deepEqual(summary, [
    '14 of 14 packets are DHCP, PXE or TFTP',
    '52:54:00:00:00:01 came as UEFI x64, then iPXE',
  ]);
});

for (const [name, first] of [
  ['bios-ipxe-rom', /^it is iPXE, architecture 0/],
  ['ovmf-http', /^it is UEFI HTTP x64, architecture 16 /],
] as const) {
  test(`every message of the recorded boot ${name} is understood, and every request would be answered`, (t) => {
    const { entries } = tell(recordedCapture(name));
    t.regex(entries[0]?.lines[0] ?? '', first);
    for (const { lines } of entries) t.regex(lines.join('\n'), /from us: |we would answer (?:OFFER|ACK): /);
  });
}

const offerFrom = (server: string, gives: string): CapturedDatagram => {
  const payload = requestBytes({
    op: 2,
    type: 'offer',
    options: [address(OPTION.serverIdentifier, server), text(OPTION.bootFileName, 'pxelinux.0\0')],
  });
  payload.set(gives.split('.').map(Number), 16);
  return { source: server, sourcePort: 67, destinationPort: 68, payload };
};

test('another server that gives addresses is one too many, and told as such', (t) => {
  const { entries, summary } = tellDatagrams([offerFrom('192.168.0.9', '192.168.0.77')]);
  t.deepEqual(entries[0]?.lines, [
    'from another server, 192.168.0.9: OFFER gives 192.168.0.77, file pxelinux.0, server_identifier (54) 192.168.0.9',
    'two servers answer: a machine takes either; stop that server, or let it give the addresses with dhcp.mode: proxy',
  ]);
  t.true(summary.includes('another server answers: 192.168.0.9 (OFFER)'));
});

test('beside a server that gives addresses a proxy says only what to boot', (t) => {
  const config = good({
    'rackseed.yaml': `${RACKSEED.replace('authoritative', 'proxy')}unknown_machines: boot\n`,
  });
  const options = [
    text(OPTION.vendorClass, 'PXEClient:Arch:00007:UNDI:003000'),
    [OPTION.clientArchitecture, Uint8Array.of(0, 7)],
  ] as const;
  const { entries } = tellDatagrams(
    [
      offerFrom('192.168.0.9', '192.168.0.77'),
      { payload: requestBytes({ type: 'discover', options }) },
      {
        source: '192.168.0.77',
        destination: '192.168.0.254',
        destinationPort: 4011,
        payload: requestBytes({ type: 'request', ciaddr: '192.168.0.77', options }),
      },
    ],
    config,
  );
  t.regex(entries[0]?.lines[1] ?? '', /^as it should be/);
  t.regex(entries[1]?.lines[1] ?? '', /^we would answer OFFER: no address, /);
  t.regex(entries[2]?.title ?? '', /REQUEST to the PXE boot server from .*: has 192\.168\.0\.77$/);
  t.regex(entries[2]?.lines[1] ?? '', /^we would answer ACK: .*file snponly\.efi/);
});

test('a request that we would not answer is told with the reason', (t) => {
  const { entries } = tellDatagrams([
    {
      payload: requestBytes({
        type: 'request',
        options: [
          address(OPTION.requestedAddress, '192.168.0.5'),
          address(OPTION.serverIdentifier, '192.168.0.9'),
        ],
      }),
    },
    { payload: requestBytes({ type: 'discover', giaddr: '10.9.9.9' }) },
  ]);
  t.is(
    entries[0]?.title.split('  ')[1],
    'REQUEST from 52:54:00:00:00:01: wants 192.168.0.5, from 192.168.0.9',
  );
  t.is(entries[0]?.lines[1], 'we would not answer: the machine has chosen another server');
  t.is(
    entries[1]?.lines[1],
    "we would not answer: a server drops it (its relay agent's address is on no network of ours)",
  );
});

test('a machine that waits for approval is told to, and a loader that is missing is named', (t) => {
  const held = good({ 'rackseed.yaml': `${RACKSEED}unknown_machines: hold\n` });
  const payload = requestBytes({
    type: 'discover',
    options: [text(OPTION.vendorClass, 'PXEClient:Arch:00000')],
  });
  const lines = tellDatagrams([{ payload }], held).entries[0]?.lines ?? [];
  t.true(
    lines.some((line) => /needs one of undionly\.kpxe/.test(line)),
    lines.join('\n'),
  );
  t.true(
    lines.some((line) => /^it may not boot: /.test(line)),
    lines.join('\n'),
  );
});

test('TFTP: a file that is not there, one asked of somebody else, an upload, and the error that ends a transfer', (t) => {
  const client = { source: '192.168.0.79', sourcePort: 2070 };
  const server = { destination: '192.168.0.254', destinationPort: 69 };
  const { entries, titles } = tellDatagrams([
    { ...client, ...server, payload: Buffer.from('\0\x01pxelinux.0\0octet\0', 'latin1') },
    {
      source: '192.168.0.254',
      sourcePort: 40000,
      destination: '192.168.0.79',
      destinationPort: 2070,
      payload: Buffer.from('\0\x05\0\x01no such file\0', 'latin1'),
    },
    {
      ...client,
      ...server,
      destination: '192.168.0.9',
      payload: Buffer.from('\0\x01snponly.efi\0octet\0', 'latin1'),
    },
    {
      ...client,
      destination: '192.168.0.9',
      destinationPort: 40001,
      payload: Buffer.from('\0\x05\0\0aborted\0'),
    },
    { ...client, ...server, payload: Buffer.from('\0\x02core\0octet\0', 'latin1') },
    { ...client, ...server, payload: Buffer.from('\0\x01../shadow\x1b[2J\0octet\0', 'latin1') },
  ]);
  t.deepEqual(
    entries.slice(0, 5).map(({ lines }) => lines[0]),
    [
      'we would refuse it: there is no such file',
      'the server refuses it or breaks it off',
      'it asks 192.168.0.9, which is not us; we would send it',
      'the client breaks it off; firmware does so when it only wanted to know the size, or has no memory for the file',
      'we would refuse it: nothing is taken',
    ],
  );
  t.regex(titles[1] ?? '', /TFTP error 1 "no such file" about pxelinux\.0$/);
  t.regex(titles[5] ?? '', /TFTP request for \.\.\/shadow\\x1b\[2J/);
  t.regex(entries[5]?.lines[0] ?? '', /^we would refuse it: /);
});

test('a message that the recording has cut says how to record it whole', (t) => {
  const frame = ethernetFrame({ payload: requestBytes({ type: 'discover' }) });
  t.deepEqual(tell(pcapOf([frame.subarray(0, 96)])).entries[0]?.lines, [
    'the recording cut it: use tcpdump -s 0; a server drops it',
  ]);
});

test('frames of a link that cannot be read, and damage, are told at the end', (t) => {
  const file = pcapOf([Buffer.alloc(40), Buffer.alloc(40)], { linkType: 105 });
  t.deepEqual(tell(file.subarray(0, file.length - 1)).summary, [
    '0 of 1 packets are DHCP, PXE or TFTP',
    "frames of link type 105 can't be read",
    'the file is damaged: the file ends within packet 2 (byte 80); what comes after is lost',
  ]);
});

test('no damaged capture makes it fail', (t) => {
  const random = seededRandom(11);
  const files = ['bios-ipxe-rom', 'ovmf-pxe', 'ovmf-http'].map(recordedCapture);
  for (let round = 0; round < 600; round += 1) {
    let file = files[round % files.length] ?? Buffer.alloc(0);
    for (let times = 0; times < 8; times += 1) file = mutate(file, random);
    // The magic number stays, so that what comes after it is read.
    const magic = files[0]?.subarray(0, 4) ?? Buffer.alloc(0);
    t.notThrows(() => tell(Buffer.concat([magic, file.subarray(4)])));
  }
});

test('vendors that a client names by number are told, with the classes it says it is of (RFC 3925)', (t) => {
  const acme = Buffer.concat([Buffer.of(0, 0, 1, 87, 9), Buffer.from('\x04acme\x03x-1', 'latin1')]);
  const payload = requestBytes({
    type: 'discover',
    options: [
      [124, Buffer.concat([acme, Buffer.of(0, 0, 0, 9, 0)])],
      [125, Buffer.of(0, 0, 13, 233, 4, 1, 2, 65, 66)],
    ],
  });
  const [entry] = tellDatagrams([{ payload }]).entries;
  t.regex(
    entry?.lines[0] ?? '',
    /, class "acme" "x-1" of enterprise 343 \(124\), class of enterprise 9 \(124\), options of enterprise 3561 \(125\)/,
  );
});
