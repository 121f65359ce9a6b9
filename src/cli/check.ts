import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { subnetsOf } from '../config/subnets.ts';
import { formatIpv4, formatRange } from '../net/ipv4.ts';

/** Where a command writes its lines. */
export interface Output {
  write(text: string): unknown;
}

/**
 * `rackseed check`: checks the configuration in `directory` and prints every problem, or a summary of what it says.
 * Gives the exit status: 0 when the configuration can be used, else 1.
 */
export async function checkCommand(directory: string, output: Output): Promise<number> {
  const result = await loadConfig(directory);
  if (result.ok) {
    output.write(summary(result.config));
    return 0;
  }
  for (const problem of result.problems) output.write(`${formatProblem(problem, directory)}\n`);
  output.write(`${count(result.problems.length, 'problem')}\n`);
  return 1;
}

function summary({
  directory,
  networks,
  profiles,
  machines,
  defaultProfile,
  unknownMachines,
}: Config): string {
  const lines = networks.map((network) => {
    const { name, interface: card, address, subnet } = network;
    const all = subnetsOf(network).flatMap((settings) => settings.ranges);
    const ranges = all.map(formatRange).join(', ');
    const size = all.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    const ours = `${formatIpv4(address)}/${subnet.prefix}`;
    return `network ${name}: ${ours} on ${card}, leases ${ranges} (${count(size, 'address')})`;
  });
  const names = [...profiles.keys()].map((name) => (name === defaultProfile ? `${name} (default)` : name));
  return [
    `${directory} is good`,
    ...lines,
    `profiles: ${names.join(', ')}`,
    `machines: ${machines.size} known; unknown ones: ${unknownMachines}`,
    '',
  ].join('\n');
}

/** `1 problem`, `2 addresses` */
function count(number: number, what: string): string {
  const plural = what.endsWith('s') ? `${what}es` : `${what}s`;
  return `${number} ${number === 1 ? what : plural}`;
}
