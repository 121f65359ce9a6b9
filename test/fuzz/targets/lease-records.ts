import assert from 'node:assert/strict';
import { decodeRecords, encodeRecords } from '../../../src/store/lease-records.ts';
import { ip, machine } from '../../support/dhcp.ts';
import type { FuzzTarget } from '../target.ts';

/** What is read from the log of leases. */
export const target: FuzzTarget = {
  name: 'lease-records',
  about: 'the records in the log of leases',
  seeds: () => [
    encodeRecords([]),
    encodeRecords([{ address: ip('10.0.0.1'), mac: machine(1), expires: 1.7e12 }]),
    encodeRecords([
      { address: ip('10.0.0.2'), mac: undefined, expires: Number.POSITIVE_INFINITY },
      { address: ip('10.0.0.3'), isRemoved: true },
    ]),
  ],
  maxLength: 1_024,
  limit: 100,
  run(bytes) {
    try {
      const records = decodeRecords(bytes);
      assert.deepEqual(decodeRecords(encodeRecords(records)), records, 'what is written again is the same');
      return records.map((record) =>
        'isRemoved' in record ? 'removed' : `lease ${record.mac !== undefined}`,
      );
    } catch (error) {
      assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), String(error));
      assert.match(error.message, /^\d+ bytes are no list of leases$|^a lease of an unknown kind, \d+$/);
      return [error.message.replace(/\d+/, '#')];
    }
  },
};
