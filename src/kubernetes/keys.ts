import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { type Asn1, nullValue, oid, sequence } from './asn1.ts';
import { OID } from './oids.ts';

/** Keys that are made here: ECDSA on P-256, or RSA with 2048 bits. */
export type KeyType = 'ecdsa' | 'rsa';

/** A new key pair, encoded: the public half as SubjectPublicKeyInfo, the private half as kubeadm writes it. */
export interface EncodedKeyPair {
  readonly publicKey: Buffer;
  readonly privateKeyPem: string;
}

const generate = promisify(generateKeyPair);

/** Makes a key pair, on a thread of its own. */
export async function makeKeyPair(type: KeyType): Promise<EncodedKeyPair> {
  const publicKeyEncoding = { type: 'spki', format: 'der' } as const;
  const pair =
    type === 'ecdsa'
      ? await generate('ec', {
          namedCurve: 'P-256',
          publicKeyEncoding,
          privateKeyEncoding: { type: 'sec1', format: 'pem' },
        })
      : await generate('rsa', {
          modulusLength: 2048,
          publicKeyEncoding,
          privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
        });
  return { publicKey: pair.publicKey, privateKeyPem: pair.privateKey };
}

/** How a key signs: the hash, and the AlgorithmIdentifier that says so in a certificate. */
export interface SignatureAlgorithm {
  readonly hash: 'sha256' | 'sha384';
  readonly identifier: Asn1;
}

/** The algorithm for a CA key: RSA from 2048 bits, ECDSA on P-256 or P-384; undefined for every other key. */
export function signatureAlgorithm(key: KeyObject): SignatureAlgorithm | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) {
    return { hash: 'sha256', identifier: sequence(oid(OID.sha256WithRsa), nullValue()) };
  }
  if (key.asymmetricKeyType !== 'ec') return undefined;
  if (namedCurve === 'prime256v1') return { hash: 'sha256', identifier: sequence(oid(OID.ecdsaWithSha256)) };
  if (namedCurve === 'secp384r1') return { hash: 'sha384', identifier: sequence(oid(OID.ecdsaWithSha384)) };
  return undefined;
}

/** Signs, on a thread of its own. */
export function signWith(key: KeyObject, hash: string, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(hash, data, key, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}
