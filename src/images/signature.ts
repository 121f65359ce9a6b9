import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import {
  createMessage,
  type PublicKey,
  readKeys,
  readSignature,
  type Signature,
  type VerifyMessageResult,
  verify,
} from 'openpgp';

/** Somebody else's signature, a broken one, or none: what is said to people. */
export class BadSignature extends Error {}

/** The public keys in a file, armored or binary. Throws an Error when it holds none, or a private one. */
export async function readPublicKeys(bytes: Uint8Array): Promise<PublicKey[]> {
  const isArmored = Buffer.from(bytes.subarray(0, 64 * 1024)).includes('-----BEGIN PGP');
  const keys = await (isArmored
    ? readKeys({ armoredKeys: Buffer.from(bytes).toString('latin1') })
    : readKeys({ binaryKeys: bytes })
  ).catch((error: Error) => {
    throw new Error(`it holds no OpenPGP key (${error.message})`);
  });
  if (keys.some((key) => key.isPrivate()))
    throw new Error('it holds a private key; export the public one alone');
  return keys;
}

/** The fingerprint of a primary key: hexadecimal, in upper case. */
export function fingerprintOf(key: PublicKey): string {
  return key.getFingerprint().toUpperCase();
}

/**
 * Checks a detached signature over bytes (RFC 9580, section 10.4), made by one of the keys or a subkey of theirs while it
 * was good. Gives the fingerprint of that primary key; throws BadSignature.
 */
export async function verifyBytes(
  bytes: Uint8Array,
  signature: Uint8Array,
  keys: readonly PublicKey[],
): Promise<string> {
  const message = await createMessage({ binary: bytes });
  const { signatures } = await verify({
    message,
    signature: await parseSignature(signature),
    verificationKeys: [...keys],
    format: 'binary',
  });
  return goodOne(signatures, keys);
}

/** The same for a file of any size, which is read as a stream. Rejects with the file system's error too. */
export async function verifyFile(
  path: string,
  signature: Uint8Array,
  keys: readonly PublicKey[],
): Promise<string> {
  const parsed = await parseSignature(signature);
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  try {
    const binary = Readable.toWeb(file) as ReadableStream<Uint8Array>;
    const { data, signatures } = await verify({
      message: await createMessage({ binary }),
      signature: parsed,
      verificationKeys: [...keys],
      format: 'binary',
    });
    const settled = goodOne(signatures, keys);
    // What reads the file is looked at only after it; without this a failure would count as unhandled.
    settled.catch(() => {});
    // The library hashes what its caller reads.
    const reader = (data as ReadableStream<Uint8Array>).getReader();
    while (!(await reader.read()).done);
    return await settled;
  } finally {
    file.destroy();
  }
}

async function parseSignature(bytes: Uint8Array): Promise<Signature> {
  const isArmored = Buffer.from(bytes.subarray(0, 64)).includes('-----BEGIN PGP');
  try {
    return await (isArmored
      ? readSignature({ armoredSignature: Buffer.from(bytes).toString('latin1') })
      : readSignature({ binarySignature: bytes }));
  } catch {
    throw new BadSignature('what should be its signature is none');
  }
}

async function goodOne(
  signatures: VerifyMessageResult['signatures'],
  keys: readonly PublicKey[],
): Promise<string> {
  const reasons: string[] = [];
  for (const { keyID, verified } of signatures) {
    try {
      await verified;
      const key = keys.find((candidate) => candidate.getKeys(keyID).length > 0);
      if (key) return fingerprintOf(key);
    } catch (error) {
      reasons.push(explain(keyID.toHex().toUpperCase(), error as Error));
    }
  }
  throw new BadSignature(reasons.join('; ') || 'it is not signed');
}

function explain(keyId: string, { message }: Error): string {
  if (/could not find signing key/i.test(message)) {
    return `it is signed by ${keyId}, which is none of the keys that may, nor a subkey of one`;
  }
  if (/digest did not match/i.test(message)) return `its signature by ${keyId} is for something else`;
  return `its signature by ${keyId} can't be accepted: ${message}`;
}
