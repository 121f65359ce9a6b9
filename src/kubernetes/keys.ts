import { createECDH, type ECDH, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import {
  bitString,
  derSequence,
  derTagged,
  encode,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
} from './asn1.ts';
import { OID } from './oids.ts';
import { pem } from './pem.ts';

/** Keys that are made here: ECDSA on P-256, or RSA with 2048 bits. */
export type KeyType = 'ecdsa' | 'rsa';

/** A new key pair, encoded: the public half as SubjectPublicKeyInfo, the private half as kubeadm writes it. */
export interface EncodedKeyPair {
  readonly publicKey: Buffer;
  readonly privateKeyPem: string;
}

/** Makes a key pair; one of RSA on a thread of its own, since that takes long. */
export async function makeKeyPair(type: KeyType): Promise<EncodedKeyPair> {
  return type === 'ecdsa' ? makeEcdsaPair() : makeRsaPair();
}

const generate = promisify(generateKeyPair);

async function makeRsaPair(): Promise<EncodedKeyPair> {
  const pair = await generate('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  return { publicKey: pair.publicKey, privateKeyPem: pair.privateKey };
}

/** Bytes of a private key on P-256. */
const P256_BYTES = 32;

function makeEcdsaPair(): EncodedKeyPair {
  const pair = createECDH('prime256v1');
  pair.generateKeys();
  return encodeEcdsaPair(pair);
}

/**
 * A pair on P-256 as OpenSSL encodes it, which takes several times as long about it as about making the key.
 * Both encodings are the same for every key but for its own bytes.
 */
export function encodeEcdsaPair(pair: ECDH): EncodedKeyPair {
  // Without the zeros in front.
  const secret = pair.getPrivateKey();
  const padded = Buffer.concat([Buffer.alloc(P256_BYTES - secret.length), secret]);
  const point = encode(bitString(pair.getPublicKey()));
  return {
    publicKey: derSequence(P256_ALGORITHM, point),
    // ECPrivateKey, RFC 5915 §3.
    privateKeyPem: pem(
      'EC PRIVATE KEY',
      derSequence(VERSION_1, encode(octetString(padded)), derTagged(0, P256_CURVE), derTagged(1, point)),
    ),
  };
}

const P256_CURVE = encode(oid(OID.p256));
/** AlgorithmIdentifier of a public key on P-256 (RFC 5480 §2.1.1). */
const P256_ALGORITHM = encode(sequence(oid(OID.ecPublicKey), oid(OID.p256)));
const VERSION_1 = encode(integer(Uint8Array.of(1)));

/** How a key signs: the hash, and the AlgorithmIdentifier that says so in a certificate. */
export interface SignatureAlgorithm {
  readonly hash: 'sha256' | 'sha384';
  /** DER. */
  readonly identifier: Buffer;
}

/** The algorithm for a CA key: RSA from 2048 bits, ECDSA on P-256 or P-384; undefined for every other key. */
export function signatureAlgorithm(key: KeyObject): SignatureAlgorithm | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) {
    return { hash: 'sha256', identifier: encode(sequence(oid(OID.sha256WithRsa), nullValue())) };
  }
  if (key.asymmetricKeyType !== 'ec') return undefined;
  if (namedCurve === 'prime256v1')
    return { hash: 'sha256', identifier: encode(sequence(oid(OID.ecdsaWithSha256))) };
  if (namedCurve === 'secp384r1')
    return { hash: 'sha384', identifier: encode(sequence(oid(OID.ecdsaWithSha384))) };
  return undefined;
}

/** Signs; with an RSA key on a thread of its own, since that takes ten times as long as with one of ECDSA. */
export async function signWith(key: KeyObject, hash: string, data: Buffer): Promise<Buffer> {
  return key.asymmetricKeyType === 'rsa' ? signOnThread(hash, data, key) : sign(hash, data, key);
}

const signOnThread = promisify<string, Buffer, KeyObject, Buffer>(sign);
