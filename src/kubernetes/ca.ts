import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import { bitString, derSequence, encode } from './asn1.ts';
import {
  authorityKeyIdentifier,
  type CertificateFields,
  clientAuth,
  distinguishedName,
  isCa,
  isNoCa,
  issuerFields,
  keyIdentifier,
  keyUsage,
  serverAuth,
  subjectAddresses,
  subjectKeyIdentifier,
  toBeSigned,
} from './certificate.ts';
import { type KeyType, makeKeyPair, type SignatureAlgorithm, signatureAlgorithm, signWith } from './keys.ts';
import { pem } from './pem.ts';

/** A certificate authority that can sign. */
export interface Ca {
  /** Its certificate file's text; it may hold older CA certificates as well. */
  readonly pem: string;
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  /** Its name, DER. */
  readonly name: Buffer;
  readonly keyIdentifier: Buffer;
  /** The extension that says who issued a certificate, DER. */
  readonly authority: Buffer;
}

/** A certificate and its private key, PEM. */
export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly notAfter: Date;
}

/** Text of a file, and the name that errors call it by. */
export interface NamedText {
  readonly path: string;
  readonly text: string;
}

/** Clocks of nodes may be behind ours by this much when they first look at a certificate, milliseconds. */
const BACKDATED = 5 * 60_000;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Certificates in a PEM text, in order. Throws an Error naming the file when there are none or one is damaged. */
export function readCertificates({ path, text }: NamedText): X509Certificate[] {
  const blocks = text.match(PEM_CERTIFICATE);
  if (!blocks) {
    throw new Error(`${path} holds no certificate in PEM form: point kubernetes.ca at kubeadm's ca.crt`);
  }
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new Error(`${path} holds a damaged certificate: copy it from the cluster again`);
    }
  });
}

/**
 * Takes a CA into use: kubeadm's, or one that `createCa` made. The key may be PKCS #1, PKCS #8 or SEC 1; RSA from 2048
 * bits, or ECDSA on P-256 or P-384. `now` is the time, milliseconds. Throws an Error that names the file and what to do.
 */
export function openCa(certificateFile: NamedText, keyFile: NamedText, now: number): Ca {
  const ca = pairCa(certificateFile, keyFile);
  checkDates(ca, certificateFile.path, now);
  return ca;
}

/** Throws an Error when the CA certificate from the file `path` is not valid at `now` (milliseconds). */
export function checkDates(ca: Ca, path: string, now: number): void {
  const { validFrom, validTo } = ca.certificate;
  if (now > Date.parse(validTo)) {
    throw new Error(`${path} expired on ${validTo}: renew it with "rackseed pki renew"`);
  }
  if (now < Date.parse(validFrom)) {
    throw new Error(`${path} is not valid before ${validFrom}: set this host's clock`);
  }
}

/** As `openCa`, whatever the certificate's dates: enough for `renewCa`. */
export function pairCa({ path, text }: NamedText, keyFile: NamedText): Ca {
  const certificates = readCertificates({ path, text });
  const key = readKey(keyFile);
  const matching = certificates.filter((certificate) => certificate.checkPrivateKey(key));
  const certificate = matching.sort((a, b) => Date.parse(b.validTo) - Date.parse(a.validTo))[0];
  if (!certificate) {
    throw new Error(
      `${keyFile.path} is not the key of the certificate in ${path}: use the pair that belongs together`,
    );
  }
  if (!certificate.ca) {
    throw new Error(
      `${path} is not a CA certificate (${formatName(certificate.subject)}): use the cluster's ca.crt`,
    );
  }
  const algorithm = signatureAlgorithm(key);
  if (!algorithm) {
    throw new Error(
      `${keyFile.path} is a kind of key not known here: use RSA from 2048 bits, or ECDSA P-256 or P-384`,
    );
  }
  const issuer = issuerFields(certificate.raw);
  const identifier = issuer.keyIdentifier ?? keyIdentifier(publicKeyOf(key));
  return {
    pem: text,
    certificate,
    key,
    algorithm,
    name: encode(issuer.subject),
    keyIdentifier: identifier,
    authority: authorityKeyIdentifier(identifier),
  };
}

/** What a CA is made with. */
export interface CaSettings {
  readonly commonName: string;
  readonly keyType: KeyType;
  /** Seconds. */
  readonly lifetime: number;
  /** From when it is valid; a few minutes before it is made unless given. */
  readonly notBefore?: Date;
}

/** Makes a CA as kubeadm does: a key, and a certificate that ends `lifetime` after `now` (milliseconds). */
export async function createCa(
  { commonName, keyType, lifetime, notBefore }: CaSettings,
  now: number,
): Promise<IssuedCertificate> {
  const { publicKey, privateKeyPem } = await makeKeyPair(keyType);
  const key = createPrivateKey(privateKeyPem);
  const algorithm = signatureAlgorithm(key) as SignatureAlgorithm;
  const certificate = { key, algorithm, name: distinguishedName({ commonName }) };
  const notAfter = new Date(now + lifetime * 1000);
  return {
    certificatePem: await selfSign(certificate, publicKey, {
      notBefore: notBefore ?? backdated(now),
      notAfter,
    }),
    keyPem: privateKeyPem,
    notAfter,
  };
}

/** A new certificate for a CA's name and key, for `lifetime` seconds from `now` (milliseconds); what it issued stays good. */
export function renewCa(ca: Ca, lifetime: number, now: number, notBefore = backdated(now)): Promise<string> {
  const validity = { notBefore, notAfter: new Date(now + lifetime * 1000) };
  return selfSign(ca, publicKeyOf(ca.key), validity, ca.keyIdentifier);
}

/** What the certificates of all nodes say about their use. */
const NODE_EXTENSIONS: Readonly<Record<KeyType, readonly Buffer[]>> = {
  ecdsa: [keyUsage('digitalSignature'), clientAuth(), isNoCa()],
  rsa: [keyUsage('digitalSignature', 'keyEncipherment'), clientAuth(), isNoCa()],
};

/**
 * Issues a certificate with which the kubelet of a node speaks to the API server: CN=system:node:NAME, O=system:nodes.
 * It is good for `lifetime` seconds from `now` (milliseconds), but never longer than the CA.
 */
export async function issueNodeCertificate(
  ca: Ca,
  { nodeName, keyType, lifetime }: { nodeName: string; keyType: KeyType; lifetime: number },
  now: number,
): Promise<IssuedCertificate> {
  const { publicKey, privateKeyPem } = await makeKeyPair(keyType);
  const notAfter = new Date(Math.min(now + lifetime * 1000, Date.parse(ca.certificate.validTo)));
  const certificatePem = await signCertificate(ca, {
    serial: randomBytes(16),
    issuer: ca.name,
    subject: distinguishedName({ organization: 'system:nodes', commonName: `system:node:${nodeName}` }),
    notBefore: backdated(now),
    notAfter,
    publicKey,
    extensions: [...NODE_EXTENSIONS[keyType], subjectKeyIdentifier(keyIdentifier(publicKey)), ca.authority],
  });
  return { certificatePem, keyPem: privateKeyPem, notAfter };
}

/**
 * Issues a certificate with which a TLS server proves that it answers at `address`. It is good from `notBefore` for
 * `lifetime` seconds after `now` (milliseconds), but never longer than the CA.
 */
export async function issueServerCertificate(
  ca: Ca,
  { address, lifetime, notBefore }: { address: Ipv4; lifetime: number; notBefore: Date },
  now: number,
): Promise<IssuedCertificate> {
  const { publicKey, privateKeyPem } = await makeKeyPair('ecdsa');
  const notAfter = new Date(Math.min(now + lifetime * 1000, Date.parse(ca.certificate.validTo)));
  const certificatePem = await signCertificate(ca, {
    serial: randomBytes(16),
    issuer: ca.name,
    subject: distinguishedName({ commonName: formatIpv4(address) }),
    notBefore,
    notAfter,
    publicKey,
    extensions: [
      keyUsage('digitalSignature'),
      serverAuth(),
      isNoCa(),
      subjectAddresses(address),
      subjectKeyIdentifier(keyIdentifier(publicKey)),
      ca.authority,
    ],
  });
  return { certificatePem, keyPem: privateKeyPem, notAfter };
}

const backdated = (now: number): Date => new Date(now - BACKDATED);

type Signer = Pick<Ca, 'key' | 'algorithm' | 'name'>;

function selfSign(
  signer: Signer,
  publicKey: Buffer,
  validity: Pick<CertificateFields, 'notBefore' | 'notAfter'>,
  identifier = keyIdentifier(publicKey),
): Promise<string> {
  return signCertificate(signer, {
    serial: randomBytes(16),
    issuer: signer.name,
    subject: signer.name,
    ...validity,
    publicKey,
    extensions: [
      keyUsage('digitalSignature', 'keyEncipherment', 'keyCertSign'),
      isCa(),
      subjectKeyIdentifier(identifier),
    ],
  });
}

async function signCertificate({ key, algorithm }: Signer, fields: CertificateFields): Promise<string> {
  const tbs = toBeSigned(fields, algorithm.identifier);
  const signature = await signWith(key, algorithm.hash, tbs);
  return pem('CERTIFICATE', derSequence(tbs, algorithm.identifier, encode(bitString(signature))));
}

function readKey({ path, text }: NamedText): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw new Error(
      `${path} is no private key in PEM form without a passphrase: point kubernetes.ca_key at ca.key`,
    );
  }
}

const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** A distinguished name on one line: `O=system:nodes, CN=system:node:worker-01`. */
export const formatName = (name: string): string => name.split('\n').join(', ');
