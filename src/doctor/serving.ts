import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { filesIn } from '../boot/firmware-folder.ts';
import { assetPath, baseUrl } from '../boot/plan.ts';
import type { Config, Network } from '../config/config.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Milliseconds. A loader of a megabyte takes two thousand round trips, within this host. */
const TIMEOUT = 5_000;
const TFTP_PORT = 69;
/** The script that every iPXE begins with. */
const IPXE = '#!ipxe';

/** The part of the tftp2 package used here; it has no types of its own. */
type Tftp2 = (
  host: string,
  port: number,
) => {
  read(name: string, push: (data: Buffer) => Promise<void>, done: () => void): Promise<void>;
  close(): void;
};

/** Whether what the service serves on a network arrives: the first script, images by HTTP, and a loader by TFTP. */
export async function checkServing(network: Network, config: Config): Promise<Finding[]> {
  return [
    await checkScript(network),
    ...(await checkAssets(network, config)),
    await checkTftp(network, config),
  ];
}

async function checkScript(network: Network): Promise<Finding> {
  const url = `${baseUrl(network)}/boot.ipxe`;
  const subject = `GET ${url}`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT) });
    const text = await answer.text();
    if (answer.status === 200 && text.startsWith(IPXE)) return ok(subject, "iPXE's first script");
    return fail(subject, `${answer.status}, and no iPXE script`, 'look at the log of the service');
  } catch (error) {
    return fail(subject, reasonOf(error), 'is a proxy or a firewall of this host in the way?');
  }
}

/** Each file that a profile boots, once. */
async function checkAssets(network: Network, { profiles }: Config): Promise<Finding[]> {
  const paths = new Set<string>();
  for (const { boot } of profiles.values()) {
    if (boot.kind !== 'image') continue;
    for (const file of [boot.kernel, ...boot.initrds]) paths.add(assetPath(boot, file));
  }
  return Promise.all([...paths].map((path) => checkAsset(`${baseUrl(network)}/assets/${path}`)));
}

async function checkAsset(url: string): Promise<Finding> {
  const subject = `HEAD ${url}`;
  try {
    const answer = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(TIMEOUT) });
    const size = Number(answer.headers.get('content-length'));
    if (answer.status === 200 && size > 0) return ok(subject, `${size} bytes`);
    const advice = 'put the file into the assets folder, readable for the service';
    return fail(subject, answer.status === 200 ? 'it is empty' : `${answer.status}`, advice);
  } catch (error) {
    return fail(subject, reasonOf(error), 'look at the log of the service');
  }
}

/** Fetches a loader with a client that knows nothing but RFC 1350, as the plainest boot ROM. */
async function checkTftp(network: Network, { firmware }: Config): Promise<Finding> {
  const host = formatIpv4(network.address);
  const name = firstLoader(firmware);
  if (name === undefined) {
    return warn(`TFTP ${host}`, 'there is no loader to fetch', 'see the loaders above');
  }
  const subject = `TFTP ${host} ${name}`;
  try {
    const [fetched, file] = await Promise.all([
      fetchByTftp(host, name),
      readFile(join(firmware.directory, name)),
    ]);
    if (fetched.equals(file)) return ok(subject, `${file.length} bytes, by a plain RFC 1350 client`);
    return fail(subject, 'what arrived is not the file', 'restart the service');
  } catch (error) {
    return fail(subject, reasonOf(error), 'look at the log of the service');
  }
}

function firstLoader({ directory, loaders }: Config['firmware']): string | undefined {
  try {
    const present = new Set(filesIn(directory));
    return loaders.flatMap(({ files }) => files).find((file) => present.has(file));
  } catch {
    return undefined;
  }
}

/** Rejects when the file isn't complete in time: the package waits for ever for what is lost or refused. */
async function fetchByTftp(host: string, name: string): Promise<Buffer> {
  const client = (createRequire(import.meta.url)('tftp2') as Tftp2)(host, TFTP_PORT);
  const blocks: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not complete within ${TIMEOUT / 1000} s`)), TIMEOUT);
  });
  try {
    const push = async (data: Buffer) => void blocks.push(data);
    await Promise.race([client.read(name, push, () => {}), late]);
    return Buffer.concat(blocks);
  } finally {
    clearTimeout(timer);
    client.close();
  }
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
