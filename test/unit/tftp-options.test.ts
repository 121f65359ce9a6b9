import test from 'ava';
import { largestBlksize, negotiate } from '../../src/tftp/options.ts';
import type { TftpOption } from '../../src/tftp/packet.ts';

const offer = { size: 70_000, maxBlksize: 1468, windows: true };

/** Options as a client writes them: `blksize=1468 tsize=0`. */
const options = (text: string): TftpOption[] =>
  text
    .split(' ')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split('=');
      return [name, value];
    });

const table: readonly (readonly [title: string, asked: string, granted: string])[] = [
  ['nothing asked, nothing answered', '', ''],
  ['blksize within the limit is granted', 'blksize=1024', 'blksize=1024'],
  ['blksize above the MTU is lowered', 'blksize=65464', 'blksize=1468'],
  ['the smallest blksize is 8', 'blksize=8', 'blksize=8'],
  ['blksize 7 is left out', 'blksize=7', ''],
  ['tsize answers with the size of the file', 'tsize=0', 'tsize=70000'],
  ['timeout 1 and 255 are granted', 'timeout=255', 'timeout=255'],
  ['timeout 0 is left out', 'timeout=0', ''],
  ['timeout 256 is left out', 'timeout=256', ''],
  ['windowsize is granted', 'windowsize=16', 'windowsize=16'],
  ['windowsize is lowered to 32', 'windowsize=65535', 'windowsize=32'],
  ['windowsize 0 is left out', 'windowsize=0', ''],
  [
    'option names are case-insensitive and echoed as they came',
    'BLKSIZE=512 TSize=0',
    'BLKSIZE=512 TSize=70000',
  ],
  ['the order is the order of the client', 'tsize=0 blksize=512', 'tsize=70000 blksize=512'],
  ['an unknown option is left out', 'multicast= blksize=512 rollover=0', 'blksize=512'],
  ['names of object properties are unknown options', 'constructor=1 __proto__=1 toString=1', ''],
  ['an option given twice counts once', 'blksize=512 BLKSIZE=1024', 'blksize=512'],
  ['values that are not numbers are left out', 'blksize=abc tsize=-1 timeout=1.5 windowsize=0x10', ''],
  ['numbers without end are left out', 'blksize=99999999999999999999', ''],
];

for (const [title, asked, granted] of table) {
  test(title, (t) => {
    t.deepEqual(negotiate(options(asked), offer).accepted, options(granted));
  });
}

test('without options a block is 512 bytes and every block is acknowledged', (t) => {
  t.deepEqual(negotiate([], offer), { blksize: 512, windowsize: 1, accepted: [] });
});

test('what is granted is what is used', (t) => {
  const terms = negotiate(options('blksize=9000 windowsize=40 timeout=3'), offer);
  t.is(terms.blksize, 1468);
  t.is(terms.windowsize, 32);
  t.is(terms.timeout, 3);
});

test('a window of jumbo frames stays within 64 KiB', (t) => {
  const jumbo = { ...offer, maxBlksize: 8968 };
  t.is(negotiate(options('blksize=8968 windowsize=32'), jumbo).windowsize, 7);
  t.is(negotiate(options('windowsize=32 blksize=65464'), { ...offer, maxBlksize: 65464 }).windowsize, 1);
});

test('netascii transfers have no windows', (t) => {
  const terms = negotiate(options('windowsize=8 tsize=0'), { ...offer, windows: false });
  t.deepEqual(terms.accepted, options('tsize=70000'));
  t.is(terms.windowsize, 1);
});

for (const [mtu, limit, blksize] of [
  [1500, undefined, 1468],
  [9000, undefined, 8968],
  [1500, 512, 512],
  [1400, 1468, 1368],
  [65536, undefined, 65464],
  [36, undefined, 8],
] as const) {
  test(`an MTU of ${mtu} with ${limit === undefined ? 'no limit' : `a limit of ${limit}`} carries blocks of ${blksize}`, (t) => {
    t.is(largestBlksize(mtu, limit), blksize);
  });
}
