import { CsvError, parse } from 'csv-parse/sync';
import { readMachines } from '../../config/machines.ts';
import { readYaml, YamlFile } from '../../config/yaml.ts';
import { type Mac, parseMac } from '../../net/mac.ts';
import { COLUMNS } from './export.ts';
import { LABEL_KEY } from './requests.ts';

/** A machine as a file to import names it; what is undefined stays as it is. */
export interface ImportRow {
  /** From 1. */
  readonly line: number;
  readonly mac: Mac;
  readonly hostname?: string;
  readonly profile?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly verdict: 'approve' | 'refuse' | 'retire' | 'leave';
}

/** Something wrong in a file to import. */
export interface ImportError {
  readonly line: number;
  readonly detail: string;
}

/** What a file to import says, and everything wrong with its form. */
export interface ImportFile {
  readonly rows: readonly ImportRow[];
  readonly errors: readonly ImportError[];
}

type Column = (typeof COLUMNS)[number];
type Cells = Partial<Record<Column, string>>;

const HOSTNAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const KEY = new RegExp(LABEL_KEY);
const MAX_RECORD = 64 * 1024;
/** More machines than one server has. */
const MAX_ROWS = 20_000;

/**
 * Reads CSV as `exportCsv` writes it: a header that names columns, of which only `mac` is needed, in any order. An empty cell
 * leaves as it is. `address` is told for people and not read. `state` may be `refused` or `retired`; a machine that is
 * `discovered` is left alone, any other state approves.
 */
export function readCsv(text: string): ImportFile {
  let records: readonly { readonly record: readonly string[]; readonly info: { readonly lines: number } }[];
  try {
    records = parse(text, {
      bom: true,
      info: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      max_record_size: MAX_RECORD,
      to: MAX_ROWS + 2,
    }) as unknown as typeof records;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = 'lines' in error && typeof error.lines === 'number' ? error.lines : 1;
    return { rows: [], errors: [{ line, detail: `is not valid CSV: ${error.message}` }] };
  }
  const [header, ...body] = records;
  const names = header?.record.map((name) => name.toLowerCase()) ?? [];
  const fault = headerFault(names);
  if (fault !== undefined) return { rows: [], errors: [{ line: header?.info.lines ?? 1, detail: fault }] };

  if (body.length > MAX_ROWS) return { rows: [], errors: [tooMany(body.at(-1)?.info.lines)] };

  const rows: ImportRow[] = [];
  const errors: ImportError[] = [];
  for (const { record, info } of body) {
    if (record.length !== names.length) {
      const detail = `has ${record.length} cells where the header has ${names.length}`;
      errors.push({ line: info.lines, detail });
      continue;
    }
    const cells: Cells = Object.fromEntries(
      names
        .map((name, index): [string, string] => [name, record[index] ?? ''])
        .filter(([, cell]) => cell !== ''),
    );
    const row = readCells(cells, info.lines);
    if (typeof row === 'string') errors.push({ line: info.lines, detail: row });
    else rows.push(row);
  }
  return { rows, errors };
}

function tooMany(line = 1): ImportError {
  return { line, detail: `there are more than ${MAX_ROWS} machines; import them in parts` };
}

function headerFault(names: readonly string[]): string | undefined {
  const columns: readonly string[] = COLUMNS;
  if (!names.includes('mac'))
    return `the first line must name the columns: ${COLUMNS.join(',')}; mac is needed`;
  const unknown = names.find((name) => !columns.includes(name));
  if (unknown !== undefined)
    return `there is no column ${JSON.stringify(unknown)}; there are ${COLUMNS.join(', ')}`;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? undefined : `the column ${twice} is there twice`;
}

const VERDICTS: Readonly<Record<string, ImportRow['verdict']>> = {
  discovered: 'leave',
  refused: 'refuse',
  retired: 'retire',
  approved: 'approve',
  booting: 'approve',
  running: 'approve',
  registered: 'approve',
  ready: 'approve',
  stuck: 'approve',
};

/** A row, or what is wrong with it. */
function readCells(
  { mac: written = '', hostname, profile, labels: pairs, state }: Cells,
  line: number,
): ImportRow | string {
  const mac = parseMac(written);
  if (!mac) return `${JSON.stringify(written)} is not a hardware address such as 52:54:00:12:34:56`;
  if (hostname !== undefined && !HOSTNAME.test(hostname)) {
    return `${JSON.stringify(hostname)} is not a host name of lower-case letters, digits and hyphens`;
  }
  const verdict = state === undefined ? 'approve' : VERDICTS[state.toLowerCase()];
  if (!verdict) return `${JSON.stringify(state)} is no state; leave it empty to approve the machine`;
  const labels = pairs === undefined ? undefined : readLabels(pairs);
  if (typeof labels === 'string') return labels;
  return {
    line,
    mac,
    ...(hostname !== undefined && { hostname }),
    ...(profile !== undefined && { profile }),
    ...(labels && { labels }),
    verdict,
  };
}

/** Labels written as `key=value;key=value`, or what is wrong with them. */
function readLabels(text: string): Record<string, string> | string {
  const labels: [string, string][] = [];
  for (const [pair] of text.matchAll(/(?:\\.|[^;\\]|\\$)+/gs)) {
    const [, key = '', value = ''] = /^\s*([^=]*?)\s*=(.*)$/s.exec(pair) ?? [];
    if (!KEY.test(key)) return `${JSON.stringify(pair)} is no label such as rack=7`;
    labels.push([key, value.replace(/\\(.)/gs, '$1')]);
  }
  return Object.fromEntries(labels);
}

/** Reads YAML in the form of machines/*.yaml. What only such a file can say is refused. */
export function readYamlRows(text: string): ImportFile {
  const file = readYaml('import', text);
  if (!(file instanceof YamlFile))
    return { rows: [], errors: [{ line: file.line ?? 1, detail: file.message }] };
  const { machines, rules, problems } = readMachines(file);
  if (machines.length > MAX_ROWS) return { rows: [], errors: [tooMany(file.line(['machines', MAX_ROWS]))] };
  const errors = problems.map(({ line = 1, path, message, expected }) => ({
    line,
    detail: `${path === '' ? '' : `${path} `}${message}${expected === undefined ? '' : ` (expected ${expected})`}`,
  }));
  if (rules.length > 0) {
    errors.push({
      line: file.line(['rules']),
      detail: "rules can't be imported; write them in machines/ on the server",
    });
  }
  const rows = machines.flatMap(({ entry, path }): ImportRow[] => {
    const { hostname, profile, labels } = entry;
    const line = file.line(path);
    for (const key of ['port', 'address', 'loader', 'dhcp', 'adopt_disk']) {
      if (file.source([...path, key]) === undefined) continue;
      const detail = `${key} can't be imported; write this machine in machines/ on the server`;
      errors.push({ line: file.line([...path, key]), detail });
    }
    if (!('mac' in entry)) return [];
    const row: ImportRow = {
      line,
      mac: entry.mac,
      ...(hostname !== undefined && { hostname }),
      ...(profile !== undefined && { profile }),
      ...(Object.keys(labels).length > 0 && { labels }),
      verdict: 'approve',
    };
    return [row];
  });
  return { rows, errors };
}
