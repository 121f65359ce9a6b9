import test from 'ava';
import { decodeRecords, encodeRecords, type LeaseRecord } from '../../src/store/lease-records.ts';
import { ip, mac } from '../support/dhcp.ts';

const EXPIRES = Date.UTC(2026, 10, 21, 18, 30, 0, 123);

const RECORDS: readonly (readonly [what: string, record: LeaseRecord])[] = [
  ['a lease', { address: ip('192.168.0.7'), mac: mac('52:54:00:ab:cd:ef'), expires: EXPIRES }],
  ['a lease that never ends', { address: ip('10.0.0.1'), mac: mac('00:0c:29:09:90:0f'), expires: Infinity }],
  ['an address put aside', { address: ip('255.255.255.254'), mac: undefined, expires: EXPIRES }],
  ['an address without a lease', { address: ip('192.168.0.8'), isRemoved: true }],
];

for (const [what, record] of RECORDS) {
  test(`${what} is read as it was written`, (t) => {
    t.deepEqual(decodeRecords(encodeRecords([record])), [record]);
  });
}

test('records are read in the order in which they were written, 19 bytes each', (t) => {
  const records = RECORDS.map(([, record]) => record);
  const bytes = encodeRecords(records);
  t.is(bytes.length, 19 * records.length);
  t.deepEqual(decodeRecords(bytes), records);
  t.deepEqual(decodeRecords(Buffer.alloc(0)), []);
});

test('what are no records is refused', (t) => {
  t.throws(() => decodeRecords(Buffer.alloc(20)), { message: '20 bytes are no list of leases' });
  t.throws(() => decodeRecords(Buffer.alloc(19, 9)), { message: 'a lease of an unknown kind, 9' });
});
