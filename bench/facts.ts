import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../src/lab/package-root.ts';
import { run } from '../src/lab/process.ts';

/** A machine fact: what, and its value. */
export type Fact = readonly [name: string, value: string];

/** How each program says its version, and where in its answer it is. */
const VERSIONS: ReadonlyMap<string, { readonly argv: readonly string[]; readonly pattern: RegExp }> = new Map(
  [
    ['dnsmasq', { argv: ['dnsmasq', '--version'], pattern: /version (\S+)/i }],
    ['kea-dhcp4', { argv: ['kea-dhcp4', '-v'], pattern: /(\S+)/ }],
    ['perfdhcp', { argv: ['perfdhcp', '-v'], pattern: /VERSION: (\S+)/ }],
    ['in.tftpd', { argv: ['in.tftpd', '--version'], pattern: /tftp-hpa ([^\s,]+)/ }],
    ['nginx', { argv: ['nginx', '-v'], pattern: /nginx\/(\S+)/ }],
    ['atftp', { argv: ['atftp', '--version'], pattern: /atftp-(\S+)/ }],
    ['wrk', { argv: ['wrk', '-v'], pattern: /wrk (?:debian\/)?(\S+)/ }],
    ['tcpdump', { argv: ['tcpdump', '--version'], pattern: /version (\S+)/ }],
    ['qemu-system-x86_64', { argv: ['qemu-system-x86_64', '--version'], pattern: /version (\S+)/ }],
    ['curl', { argv: ['curl', '--version'], pattern: /curl (\S+)/ }],
  ],
);

/** What one has to know to compare the figures with others: the machine, and the version of everything measured. */
export async function gatherFacts(programs: Iterable<string>): Promise<Fact[]> {
  const versions = await Promise.all([...programs].map(async (name) => `${name} ${await versionOf(name)}`));
  return [
    ['machine', `${availableParallelism()} × ${cpus()[0]?.model ?? arch()}, ${gibibytes(totalmem())} GiB`],
    ['kernel', `Linux ${release()}`],
    ['load before', `${loadavg()[0]?.toFixed(1)} (1 min; figures are only good on an idle machine)`],
    ['rackseed', `${ownVersion()} on Node.js ${process.version}`],
    ['measured with', versions.join(', ')],
  ];
}

/** "(version unknown)" when the program doesn't say it in the way we know. */
async function versionOf(program: string): Promise<string> {
  const known = VERSIONS.get(program);
  if (!known) return '(version unknown)';
  const { stdout, stderr } = await run(known.argv);
  return known.pattern.exec(stdout + stderr)?.[1] ?? '(version unknown)';
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(0);
}
