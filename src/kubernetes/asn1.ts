import type forge from 'node-forge';
import asn1 from 'node-forge/lib/asn1.js';

const { Class, Type } = asn1;

/** One ASN.1 value (X.680), as node-forge represents it. */
export type Asn1 = forge.asn1.Asn1;

/** Values of node-forge's Asn1 that come from BIT STRINGs keep the untouched contents here. */
interface ParsedBitString extends Asn1 {
  readonly bitStringContents?: string;
}

const universal = (type: forge.asn1.Type, value: string | Asn1[]) =>
  asn1.create(Class.UNIVERSAL, type, Array.isArray(value), value);

const binary = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

export const sequence = (...items: Asn1[]): Asn1 => universal(Type.SEQUENCE, items);

export const set = (...items: Asn1[]): Asn1 => universal(Type.SET, items);

/** An OBJECT IDENTIFIER from its dotted form. */
export const oid = (dotted: string): Asn1 => universal(Type.OID, asn1.oidToDer(dotted).getBytes());

/** A non-negative INTEGER from its bytes, most significant first. */
export function integer(bytes: Uint8Array): Asn1 {
  const first = bytes.findIndex((byte) => byte !== 0);
  const minimal = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  const isNegative = ((minimal[0] ?? 0) & 0x80) !== 0;
  return universal(Type.INTEGER, `${isNegative ? '\0' : ''}${binary(minimal)}`);
}

/** A BIT STRING; the last `unused` bits of the last byte don't count. */
export const bitString = (bytes: Uint8Array, unused = 0): Asn1 =>
  universal(Type.BITSTRING, String.fromCharCode(unused) + binary(bytes));

export const octetString = (bytes: Uint8Array): Asn1 => universal(Type.OCTETSTRING, binary(bytes));

export const utf8String = (text: string): Asn1 => universal(Type.UTF8, binary(Buffer.from(text, 'utf8')));

export const nullValue = (): Asn1 => universal(Type.NULL, '');

export const booleanTrue = (): Asn1 => universal(Type.BOOLEAN, '\xff');

/** A time as RFC 5280 §4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050. */
export const time = (date: Date): Asn1 =>
  date.getUTCFullYear() < 2050
    ? universal(Type.UTCTIME, asn1.dateToUtcTime(date))
    : universal(Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));

/** `[tag] EXPLICIT` around a value. */
export const explicit = (tag: number, value: Asn1): Asn1 =>
  asn1.create(Class.CONTEXT_SPECIFIC, tag, true, [value]);

/** `[tag] IMPLICIT` of a primitive type. */
export const implicit = (tag: number, bytes: Uint8Array): Asn1 =>
  asn1.create(Class.CONTEXT_SPECIFIC, tag, false, binary(bytes));

/** The DER encoding (X.690). */
export const encode = (value: Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), 'latin1');

/** Parses DER. Throws an Error when the bytes are not DER: what is encoded again must be what was read. */
export function decode(der: Uint8Array): Asn1 {
  const value = asn1.fromDer(binary(der), true);
  if (!encode(value).equals(der)) throw new Error('it is not in the distinguished encoding (DER)');
  return value;
}

/** Whether a value has a universal type. */
export const is = (value: Asn1 | undefined, type: keyof typeof TYPES): value is Asn1 =>
  value?.tagClass === Class.UNIVERSAL && value.type === TYPES[type];

const TYPES = {
  sequence: Type.SEQUENCE,
  set: Type.SET,
  oid: Type.OID,
  bitString: Type.BITSTRING,
  utf8String: Type.UTF8,
  printableString: Type.PRINTABLESTRING,
};

/** The tag of a context-specific value such as `[2]`; undefined for any other. */
export const contextTag = (value: Asn1 | undefined): number | undefined =>
  value?.tagClass === Class.CONTEXT_SPECIFIC ? value.type : undefined;

/** The values inside a SEQUENCE. Throws an Error for anything else, like the functions below. */
export const inSequence = (value: Asn1 | undefined): readonly Asn1[] =>
  children(is(value, 'sequence') ? value : undefined);

/** The values inside a SET. */
export const inSet = (value: Asn1 | undefined): readonly Asn1[] =>
  children(is(value, 'set') ? value : undefined);

/** The values inside a context-specific, constructed value such as `[0]`. */
export const inTagged = (value: Asn1 | undefined, tag: number): readonly Asn1[] =>
  children(contextTag(value) === tag ? value : undefined);

function children(value: Asn1 | undefined): readonly Asn1[] {
  if (!value?.constructed || !Array.isArray(value.value)) throw new Error('a structure is missing');
  return value.value;
}

/** The bytes of a primitive value. */
export function contents(value: Asn1 | undefined): Buffer {
  if (!value || typeof value.value !== 'string') throw new Error('a value is missing');
  return Buffer.from(value.value, 'latin1');
}

/** The bytes of a BIT STRING that fills its last byte. */
export function bits(value: Asn1 | undefined): Buffer {
  if (!is(value, 'bitString')) throw new Error('a bit string is missing');
  const bytes = Buffer.from((value as ParsedBitString).bitStringContents ?? '\x01', 'latin1');
  if (bytes[0] !== 0) throw new Error('a bit string does not end with its last byte');
  return bytes.subarray(1);
}

/** The dotted form of an OBJECT IDENTIFIER. */
export function dotted(value: Asn1 | undefined): string {
  if (!is(value, 'oid')) throw new Error('an object identifier is missing');
  return asn1.derToOid(contents(value).toString('latin1'));
}
