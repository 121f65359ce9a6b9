import type { Lease } from '../dhcp/leases.ts';
import { type Ipv4, ipv4FromBytes } from '../net/ipv4.ts';
import { macFromBytes, writeMac } from '../net/mac.ts';

/** What became of an address: a lease of it, or that it has none any more. */
export type LeaseRecord = Lease | { readonly address: Ipv4; readonly isRemoved: true };

/** Bytes of one record. */
const SIZE = 19;
const AT = { address: 0, kind: 4, mac: 5, expires: 11 };
const KIND = { removed: 0, leased: 1, quarantined: 2 };

/** Records one after another: address, kind, hardware address, and the end in milliseconds since the epoch (binary64). */
export function encodeRecords(records: readonly LeaseRecord[]): Buffer {
  const bytes = Buffer.alloc(records.length * SIZE);
  records.forEach((record, index) => {
    const start = index * SIZE;
    bytes.writeUInt32BE(record.address, start + AT.address);
    if ('isRemoved' in record) return;
    bytes[start + AT.kind] = record.mac === undefined ? KIND.quarantined : KIND.leased;
    if (record.mac !== undefined) writeMac(record.mac, bytes, start + AT.mac);
    bytes.writeDoubleBE(record.expires, start + AT.expires);
  });
  return bytes;
}

/** The records in `bytes`, in their order. Throws an Error when these are none. */
export function decodeRecords(bytes: Uint8Array): LeaseRecord[] {
  if (bytes.length % SIZE !== 0) throw new Error(`${bytes.length} bytes are no list of leases`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: LeaseRecord[] = [];
  for (let start = 0; start < bytes.length; start += SIZE) {
    const address = ipv4FromBytes(bytes, start + AT.address);
    const expires = view.getFloat64(start + AT.expires);
    const kind = view.getUint8(start + AT.kind);
    if (kind === KIND.removed) records.push({ address, isRemoved: true });
    else if (kind === KIND.quarantined) records.push({ address, mac: undefined, expires });
    else if (kind === KIND.leased)
      records.push({ address, mac: macFromBytes(bytes, start + AT.mac), expires });
    else throw new Error(`a lease of an unknown kind, ${kind}`);
  }
  return records;
}
