import { createHash } from 'node:crypto';
import type { IgnitionVersion } from './ignition-spec.ts';
import { lasting, remember } from './memory.ts';
import type { NodeDescription, NodeFile, NodeUnit } from './node.ts';
import { type Script, scriptFile } from './scripts.ts';
import { type Section, sectionUnit } from './section.ts';
import { packTar } from './tar.ts';

/** How a machine fetches its keys, which its document doesn't hold. */
export interface SecretsDelivery {
  /** With the token that opens it: `https://192.168.0.254/secrets/52-54-00-12-34-56?token=…` */
  readonly url: string;
  /** The CA that the server's certificate must be from, and no other, PEM. */
  readonly caPem: string;
}

const ORIGIN = 'secrets';
const FETCH: Script = { file: 'fetch-secrets.sh', path: '/opt/bin/rackseed-fetch-secrets' };
/** Where a machine has the CA by which it knows this server. */
export const BOOT_CA_FILE = '/etc/rackseed/boot-ca.crt';
/** In curl's own form, since what stands on a command line can be read by everybody on the machine. */
const CURL_FILE = '/etc/rackseed/secrets.curl';

/** The unit that has ended well when the files with keys are there. */
export const SECRETS_UNIT = 'rackseed-secrets.service';

/** What needs them. */
const USERS = ['kubelet.service'];

const WAIT = `[Unit]
Requires=${SECRETS_UNIT}
After=${SECRETS_UNIT}
`;

const FETCH_UNIT = `[Unit]
Description=Fetch this machine's keys
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=90
ExecStart=${FETCH.path} ${CURL_FILE}
`;

/** The same for every machine. */
const UNITS: readonly NodeUnit[] = [
  sectionUnit({ name: SECRETS_UNIT, content: FETCH_UNIT, origin: ORIGIN }),
  ...USERS.map((name) =>
    sectionUnit({ name, dropIns: [{ name: '10-secrets.conf', content: WAIT }], origin: ORIGIN }),
  ),
].map(lasting);

/**
 * The parts of a node that fetch its keys while it boots, and make the kubelet wait for them. It takes a minute at most,
 * since coreos-cloudinit waits for it.
 */
export function expandSecrets({ url, caPem }: SecretsDelivery): Section {
  const curl = `url = "${url}"\ncacert = "${BOOT_CA_FILE}"\n`;
  return {
    files: [
      scriptFile(FETCH, ORIGIN),
      caFile(caPem),
      { path: CURL_FILE, content: Buffer.from(curl), permissions: '0600', origin: ORIGIN, secret: true },
    ],
    units: UNITS,
  };
}

const caFile = remember((caPem): NodeFile => {
  return {
    path: BOOT_CA_FILE,
    content: Buffer.from(caPem),
    permissions: '0644',
    origin: ORIGIN,
    secret: false,
  };
});

/** A node as its document describes it that fetches its keys, and the archive that it fetches. */
export function splitSecrets(node: NodeDescription): { readonly node: NodeDescription; archive: Buffer } {
  const isFetched = ({ secret, path }: NodeFile) => secret && path !== CURL_FILE;
  const files = node.files.filter((file) => !isFetched(file));
  return { node: { ...node, files }, archive: packTar(node.files.filter(isFetched).map(archived)) };
}

function archived({ path, content, permissions = '0600', owner = '' }: NodeFile) {
  const [user = '', group = ''] = owner.split(':');
  const mode = Number.parseInt(permissions, 8);
  return { path, content, mode, user: user || 'root', group: group || 'root' };
}

/**
 * An Ignition configuration that holds nothing but where the real one is, what it must be, and by which CA its server is
 * known. Ignition uses the CA for what it fetches after it has read this.
 */
export function ignitionPointer(
  { url, caPem }: SecretsDelivery,
  config: string,
  version: IgnitionVersion,
): string {
  const hash = `sha512-${createHash('sha512').update(config).digest('hex')}`;
  const source = `data:;base64,${Buffer.from(caPem).toString('base64')}`;
  return JSON.stringify({
    ignition: {
      version,
      config: { merge: [{ source: url, verification: { hash } }] },
      security: { tls: { certificateAuthorities: [{ source }] } },
    },
  });
}
