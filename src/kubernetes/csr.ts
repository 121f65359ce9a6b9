import { createPublicKey, verify } from 'node:crypto';
import {
  type Asn1,
  bits,
  contents,
  contextTag,
  decode,
  dotted,
  encode,
  inSequence,
  inSet,
  inTagged,
  is,
} from './asn1.ts';
import { OID } from './oids.ts';

/** What a certificate signing request asks for (PKCS #10, RFC 2986); whoever sent it holds the private key. */
export interface CertificateRequest {
  readonly commonNames: readonly string[];
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  /** `192.168.0.7`, or hexadecimal digits when it isn't an IPv4 address. */
  readonly ipAddresses: readonly string[];
  /** Anything else in it, for people: other parts of the name, other alternative names, other extensions. */
  readonly others: readonly string[];
}

/** Kubernetes takes no smaller RSA keys. */
const LEAST_RSA_BITS = 2048;
const PEM_REQUEST =
  /^\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*$/;

const SIGNATURES = new Map<string, { readonly hash: string; readonly keyType: 'rsa' | 'ec' }>([
  [OID.sha256WithRsa, { hash: 'sha256', keyType: 'rsa' }],
  [OID.sha384WithRsa, { hash: 'sha384', keyType: 'rsa' }],
  [OID.sha512WithRsa, { hash: 'sha512', keyType: 'rsa' }],
  [OID.ecdsaWithSha256, { hash: 'sha256', keyType: 'ec' }],
  [OID.ecdsaWithSha384, { hash: 'sha384', keyType: 'ec' }],
  [OID.ecdsaWithSha512, { hash: 'sha512', keyType: 'ec' }],
]);

/**
 * Reads a request and verifies its signature. Throws an Error saying what is wrong unless the text is exactly one
 * `CERTIFICATE REQUEST` in PEM and DER, signed by an RSA or ECDSA key that the request itself carries.
 */
export function parseCsr(pem: string): CertificateRequest {
  const base64 = PEM_REQUEST.exec(pem)?.[1];
  if (!base64) throw new Error('it is not one CERTIFICATE REQUEST in PEM form');
  const [information, algorithm, signature, ...rest] = inSequence(decode(Buffer.from(base64, 'base64')));
  const [, subject, publicKey, attributes] = inSequence(information);
  if (!information || !subject || !publicKey || rest.length > 0) throw new Error('a structure is missing');
  verifySignature(information, publicKey, dotted(inSequence(algorithm)[0]), bits(signature));

  const request = { commonNames: [], organizations: [], dnsNames: [], ipAddresses: [], others: [] };
  readName(subject, request);
  if (attributes) readAttributes(attributes, request);
  return request;
}

type Growing = { [Key in keyof CertificateRequest]: string[] };

function verifySignature(information: Asn1, publicKey: Asn1, algorithm: string, signature: Buffer): void {
  const known = SIGNATURES.get(algorithm);
  const key = createPublicKey({ key: encode(publicKey), format: 'der', type: 'spki' });
  if (!known || key.asymmetricKeyType !== known.keyType)
    throw new Error('its signature is of an unknown kind');
  const bitsOfKey = key.asymmetricKeyDetails?.modulusLength;
  if (bitsOfKey !== undefined && bitsOfKey < LEAST_RSA_BITS)
    throw new Error(`its key has only ${bitsOfKey} bits`);
  if (!verify(known.hash, encode(information), key, signature)) throw new Error('its signature is wrong');
}

function readName(subject: Asn1, request: Growing): void {
  for (const relative of inSequence(subject)) {
    for (const attribute of inSet(relative)) {
      const [type, value] = inSequence(attribute);
      const id = dotted(type);
      if (id === OID.commonName) request.commonNames.push(text(value));
      else if (id === OID.organization) request.organizations.push(text(value));
      else request.others.push(`name attribute ${id}`);
    }
  }
}

function text(value: Asn1 | undefined): string {
  if (!is(value, 'utf8String') && !is(value, 'printableString'))
    throw new Error('its name is not plain text');
  return contents(value).toString('utf8');
}

function readAttributes(attributes: Asn1, request: Growing): void {
  for (const attribute of inTagged(attributes, 0)) {
    const [type, values] = inSequence(attribute);
    const id = dotted(type);
    if (id !== OID.extensionRequest) {
      request.others.push(`attribute ${id}`);
      continue;
    }
    for (const extensions of inSet(values)) {
      for (const extension of inSequence(extensions)) readExtension(extension, request);
    }
  }
}

function readExtension(extension: Asn1, request: Growing): void {
  const [type, ...rest] = inSequence(extension);
  const id = dotted(type);
  if (id !== OID.subjectAltName) {
    request.others.push(`extension ${id}`);
    return;
  }
  for (const name of inSequence(decode(contents(rest.at(-1))))) {
    // GeneralName, RFC 5280 §4.2.1.6.
    const tag = contextTag(name);
    if (tag === 2) request.dnsNames.push(contents(name).toString('latin1'));
    else if (tag === 7) request.ipAddresses.push(address(contents(name)));
    else request.others.push(`alternative name of kind ${tag}`);
  }
}

const address = (bytes: Buffer) => (bytes.length === 4 ? bytes.join('.') : bytes.toString('hex'));
