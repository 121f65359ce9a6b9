import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Command, Option } from 'commander';
import type { ApiClient, RackFormat } from '../api-client/client.ts';
import { ApiRefusal } from '../api-client/errors.ts';
import type { ShownImportResult } from '../api-client/types.ts';
import type { Output } from './check.ts';
import { addApiCommand, connect, type JsonOption } from './connection.ts';
import { formatJson } from './printable.ts';
import { formatTable } from './table.ts';
import { UsageError } from './usage.ts';

/** Adds `import` and `export` to the command line. */
export function addRackFileCommands(program: Command): void {
  addApiCommand(
    program,
    'import',
    'take over the machines of a file: approve them with profile, name and labels',
  )
    .argument('<file>', 'a .csv or .yaml file, as "rackseed export" writes it')
    .option('--dry-run', 'only tell what would become of it')
    .addHelpText(
      'after',
      `
All rows are taken over or, when one is wrong, none. A CSV file has the columns mac, hostname, profile, address, labels, state;
all but mac may be missing. A YAML file is one of machines/.`,
    )
    .action(async (file: string, options: { dryRun?: boolean | undefined } & JsonOption, command: Command) =>
      importCommand(await connect(command), file, options, process.stdout),
    );
  addApiCommand(program, 'export', 'print the machines as a file')
    .addOption(new Option('--format <format>', 'its form').choices(['csv', 'yaml']).default('csv'))
    .addHelpText('after', '\nExample:\n  rackseed export --format yaml > config/machines/rack-1.yaml')
    .action(async ({ format, json }: { format: RackFormat } & JsonOption, command: Command) =>
      exportCommand(await connect(command), { format, json }, process.stdout),
    );
}

/** `rackseed import FILE`. Throws an Error that tells every line that is wrong. */
export async function importCommand(
  client: ApiClient,
  file: string,
  { dryRun = false, json }: { readonly dryRun?: boolean | undefined } & JsonOption,
  output: Output,
): Promise<void> {
  const format = formatOf(file);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${file} can't be read (${error.code})`);
  });
  const results = await client.importRack(format, text, dryRun).catch((error: unknown) => {
    throw error instanceof ApiRefusal ? withLines(error, file) : error;
  });
  if (json) {
    output.write(formatJson({ results, dryRun }));
    return;
  }
  if (results.length > 0) {
    const rows = results.map(({ line, mac, outcome, detail }) => [String(line), mac, outcome, detail]);
    output.write(formatTable(['LINE', 'MAC', 'OUTCOME', 'DETAIL'], rows));
  }
  output.write(`${summary(results)}${dryRun ? '; nothing was changed yet (--dry-run)' : ''}\n`);
}

/** `rackseed export`: the file as it is, or as JSON what a list of all machines says. */
export async function exportCommand(
  client: ApiClient,
  { format, json }: { readonly format: RackFormat } & JsonOption,
  output: Output,
): Promise<void> {
  output.write(json ? formatJson({ machines: await client.machines() }) : await client.exportRack(format));
}

function formatOf(file: string): RackFormat {
  const extension = extname(file).toLowerCase();
  if (extension === '.csv') return 'csv';
  if (extension === '.yaml' || extension === '.yml') return 'yaml';
  throw new UsageError(`${file} is neither CSV nor YAML by its name: call it .csv or .yaml`);
}

/** `rack.csv:3: "x" is not a hardware address`, for every line that is wrong. */
function withLines({ message, faults }: ApiRefusal, file: string): Error {
  const lines = faults.map(({ line, detail }) => `${file}:${line}: ${detail}`);
  return new Error([message, ...lines].join('\n'));
}

/** `2 approved, 1 unchanged` */
function summary(results: readonly ShownImportResult[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of results) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return (
    [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ') || 'the file names no machine'
  );
}
