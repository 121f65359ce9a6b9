import forge from 'node-forge';

const { asn1 } = forge;
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

/** `[tag] IMPLICIT` of a primitive type. */
export const implicit = (tag: number, bytes: Uint8Array): Asn1 =>
  asn1.create(Class.CONTEXT_SPECIFIC, tag, false, binary(bytes));

/** The DER encoding (X.690). */
export const encode = (value: Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), 'latin1');

/** A SEQUENCE of values that are in DER already. */
export const derSequence = (...parts: readonly Uint8Array[]): Buffer => constructed(0x30, parts);

/** `[tag] EXPLICIT` around a value that is in DER already. */
export const derTagged = (tag: number, value: Uint8Array): Buffer => constructed(0xa0 | tag, [value]);

/** Identifier, length and contents (X.690 §8.1); lengths from 128 are preceded by how many bytes they take. */
function constructed(identifier: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const digits = [length >>> 16, (length >>> 8) & 0xff, length & 0xff];
  const significant = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
  const encoded = length < 0x80 ? [length] : [0x80 | significant, ...digits.slice(-significant)];
  return Buffer.concat([Uint8Array.of(identifier, ...encoded), ...parts]);
}

/** The values inside a constructed value, DER, as they stand there. */
export function derItems(der: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let rest = derContents(der); rest.length > 0; ) {
    const { start, length } = derHeader(rest);
    items.push(rest.subarray(0, start + length));
    rest = rest.subarray(start + length);
  }
  return items;
}

/** The contents of a value in DER. */
export function derContents(der: Uint8Array): Uint8Array {
  const { start, length } = derHeader(der);
  return der.subarray(start, start + length);
}

/** Where the contents of a value begin, and how many bytes they are. Tags of one byte only. */
function derHeader(der: Uint8Array): { readonly start: number; readonly length: number } {
  const [, first = 0] = der;
  if (first < 0x80) return { start: 2, length: first };
  const start = 2 + (first & 0x7f);
  return { start, length: der.subarray(2, start).reduce((length, digit) => length * 256 + digit, 0) };
}

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
