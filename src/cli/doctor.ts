import { ApiClient } from '../api-client/client.ts';
import { localEndpoint } from '../api-client/endpoint.ts';
import { examine } from '../doctor/doctor.ts';
import type { Finding, Level } from '../doctor/finding.ts';
import type { Output } from './check.ts';
import type { JsonOption } from './connection.ts';
import { requireConfig } from './load.ts';
import { formatJson, printable } from './printable.ts';

/** `rackseed doctor`: says what keeps machines from booting, and what to do. Gives the exit status: 1 when something fails. */
export async function doctorCommand(
  directory: string,
  { json }: JsonOption,
  output: Output,
): Promise<number> {
  const config = await requireConfig(directory);
  const findings: Finding[] = [];
  for await (const finding of examine(config, new ApiClient(localEndpoint(config.admin.local)))) {
    findings.push(finding);
    if (!json) output.write(formatFinding(finding));
  }
  if (json) output.write(formatJson({ findings }));
  else output.write(`${summarise(findings)}\n`);
  return findings.some(({ level }) => level === 'fail') ? 1 : 0;
}

/** `fail  interface eth1: it is switched off`, and below it what to do. */
function formatFinding({ subject, level, found, advice }: Finding): string {
  const lines = [
    `${level.padEnd(4)}  ${subject}: ${found}`,
    ...(advice === undefined ? [] : [`      → ${advice}`]),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function summarise(findings: readonly Finding[]): string {
  const count = (wanted: Level) => findings.filter(({ level }) => level === wanted).length;
  return `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} to mend`;
}
