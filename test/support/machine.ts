import type { Namespace } from './netns.ts';
import { run } from './process.ts';
import type { TestService } from './service.ts';

/** What curl got. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Runs curl inside a namespace; a server that can't be reached or trusted gives status 0. */
export async function curl(from: Namespace, ...args: readonly string[]): Promise<Answer> {
  const { stdout } = await run(from.command(['curl', '-sS', '-w', '\n%{http_code}', ...args]));
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

/** What makes udhcpc ask as the firmware of a BIOS machine does (options 60 and 93). */
export const AS_FIRMWARE = ['-V', 'PXEClient:Arch:00000:UNDI:002001', '-x', '0x5d:0000'] as const;

/**
 * Leases an address for the machine in a namespace, puts it on its card and gives it.
 * @param options more for udhcpc's command line
 */
export async function lease(
  service: TestService,
  client: Namespace,
  mac: string,
  options: readonly string[] = [],
): Promise<string> {
  const { stdout, stderr } = await run(
    client.command(['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-s', '/bin/true', ...options]),
  );
  const { leases } = await service.get<{ leases: { mac: string; address: string }[] }>('/v1/leases');
  const address = leases.find((candidate) => candidate.mac === mac)?.address;
  if (address === undefined) throw new Error(`${mac} got no address: ${stdout}${stderr}`);
  await client.ip(`address add ${address}/24 dev eth0`);
  return address;
}

/** Asks for a machine's own script and gives the URL of its document, with the token of this boot in it. */
export async function documentUrl(from: Namespace, mac: string): Promise<string> {
  const { body } = await curl(from, `http://192.168.0.254/ipxe?mac=${mac}`);
  const [, url] = /(?:cloud-config-url|ignition\.config\.url)=(\S+)/.exec(body) ?? [];
  if (url === undefined) throw new Error(`the script of ${mac} names no document:\n${body}`);
  return url;
}
