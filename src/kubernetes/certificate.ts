import { createHash } from 'node:crypto';
import type { Ipv4 } from '../net/ipv4.ts';
import {
  type Asn1,
  bitString,
  booleanTrue,
  contents,
  contextTag,
  decode,
  derContents,
  derItems,
  derSequence,
  derTagged,
  dotted,
  encode,
  implicit,
  inSequence,
  inTagged,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8String,
} from './asn1.ts';
import { OID } from './oids.ts';

/** What a certificate says (RFC 5280 §4.1.2). */
export interface CertificateFields {
  /** Serial number, most significant byte first. */
  readonly serial: Uint8Array;
  /** Names, DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** DER. */
  readonly extensions: readonly Uint8Array[];
}

/** The part of a certificate that is signed: TBSCertificate, version 3, DER. `algorithm` is an AlgorithmIdentifier, DER. */
export function toBeSigned(fields: CertificateFields, algorithm: Uint8Array): Buffer {
  return derSequence(
    VERSION_3,
    encode(integer(fields.serial)),
    algorithm,
    fields.issuer,
    encode(sequence(time(fields.notBefore), time(fields.notAfter))),
    fields.subject,
    fields.publicKey,
    derTagged(3, derSequence(...fields.extensions)),
  );
}

const VERSION_3 = derTagged(0, encode(integer(Uint8Array.of(2))));

/** A Name of an optional organization and a common name, in the order kubeadm has them (RFC 5280 §4.1.2.4), DER. */
export function distinguishedName(name: {
  readonly organization?: string;
  readonly commonName: string;
}): Buffer {
  const attribute = (type: string, value: string) => set(sequence(oid(type), utf8String(value)));
  return encode(
    sequence(
      ...(name.organization === undefined ? [] : [attribute(OID.organization, name.organization)]),
      attribute(OID.commonName, name.commonName),
    ),
  );
}

/** Extensions here are in DER: most are the same in many certificates. */
function extension(id: string, critical: boolean, value: Asn1): Buffer {
  return encode(sequence(oid(id), ...(critical ? [booleanTrue()] : []), octetString(encode(value))));
}

/** Bits of KeyUsage by their number, RFC 5280 §4.2.1.3. */
const KEY_USAGE = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5 };

export function keyUsage(...usages: readonly (keyof typeof KEY_USAGE)[]): Buffer {
  const numbers = usages.map((usage) => KEY_USAGE[usage]);
  const byte = numbers.reduce((sum, number) => sum | (0x80 >> number), 0);
  return extension(OID.keyUsage, true, bitString(Uint8Array.of(byte), 7 - Math.max(...numbers)));
}

/** The holder may authenticate as a TLS client (RFC 5280 §4.2.1.12). */
export const clientAuth = (): Buffer => extension(OID.extendedKeyUsage, false, sequence(oid(OID.clientAuth)));

/** The holder may authenticate as a TLS server. */
export const serverAuth = (): Buffer => extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth)));

/** The IPv4 addresses that the holder answers at (§4.2.1.6). */
export const subjectAddresses = (...addresses: readonly Ipv4[]): Buffer =>
  extension(
    OID.subjectAltName,
    false,
    sequence(...addresses.map((address) => implicit(IP_ADDRESS, bytesOf(address)))),
  );

/** Tag of a GeneralName that is an IP address. */
const IP_ADDRESS = 7;

function bytesOf(address: Ipv4): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(address);
  return bytes;
}

/** The holder is a CA (§4.2.1.9). */
export const isCa = (): Buffer => extension(OID.basicConstraints, true, sequence(booleanTrue()));

/** The holder is not a CA. */
export const isNoCa = (): Buffer => extension(OID.basicConstraints, true, sequence());

export const subjectKeyIdentifier = (identifier: Uint8Array): Buffer =>
  extension(OID.subjectKeyIdentifier, false, octetString(identifier));

export const authorityKeyIdentifier = (identifier: Uint8Array): Buffer =>
  extension(OID.authorityKeyIdentifier, false, sequence(implicit(0, identifier)));

/** The identifier of a public key (SubjectPublicKeyInfo, DER): the SHA-1 of its bits, method 1 of §4.2.1.2. */
export function keyIdentifier(publicKey: Uint8Array): Buffer {
  const [, bitString] = derItems(publicKey).map(derContents);
  if (!bitString) throw new Error('it is no public key');
  // The first byte says how many of the last one's bits don't count: none.
  return createHash('sha1').update(bitString.subarray(1)).digest();
}

/** What a certificate's holder needs from it to issue others. */
export interface IssuerFields {
  readonly subject: Asn1;
  /** Its subject key identifier, when it has one. */
  readonly keyIdentifier?: Buffer;
}

/** Reads a certificate (DER), for issuing in its name. Throws an Error when it isn't one. */
export function issuerFields(der: Uint8Array): IssuerFields {
  const fields = inSequence(inSequence(decode(der))[0]);
  const version = contextTag(fields[0]) === 0 ? 1 : 0;
  const subject = fields[version + 4];
  if (!subject) throw new Error('a structure is missing');
  const tagged = fields.find((field) => contextTag(field) === 3);
  const extensions = tagged ? inSequence(inTagged(tagged, 3)[0]).map(inSequence) : [];
  const identifier = extensions.find(([id]) => dotted(id) === OID.subjectKeyIdentifier)?.at(-1);
  return {
    subject,
    ...(identifier && { keyIdentifier: contents(decode(contents(identifier))) }),
  };
}
