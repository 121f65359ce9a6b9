import type { TSchema } from 'typebox';
import { optionTable } from './option-schema.ts';
import { ProfileSchema } from './profile-schema.ts';
import { MachinesSchema, RackseedSchema } from './schema.ts';

/** What is used of a JSON Schema: keywords that ours have. */
export interface KeySchema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly KeySchema[];
  readonly items?: KeySchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly patternProperties?: Readonly<Record<string, KeySchema>>;
}

/** A key of a configuration file. */
export interface KeyRow {
  /** `networks[].dhcp.range` */
  readonly path: string;
  /** What its value is. */
  readonly value: string;
  /** What it is when absent; `required` for one that must be there, empty for one that is then nothing. */
  readonly absent: string;
  readonly description: string;
}

const FILES: readonly (readonly [name: string, schema: TSchema])[] = [
  ['rackseed.yaml', RackseedSchema],
  ['profiles/*.yaml', ProfileSchema],
  ['machines/*.yaml', MachinesSchema],
];
const OPTIONS = 'DHCP options';
const OPTION_TABLE = optionTable as KeySchema;
/** A link to a heading. */
const SEE_OPTIONS = '[DHCP options](#dhcp-options)';

/** `docs/configuration.md`: every key of every configuration file, by the schemas that the files are checked by. */
export function configReference(): string {
  const sections = FILES.map(([name, schema]) => section(name, schema));
  return `# Every key of the configuration

Made from the schemas by \`npm run schema\`; editors show the same while you type. \`[]\` is an entry of a list, NAME a key of your
choice. Durations are written as \`90s\`, \`15m\`, \`1h30m\`, \`7d\` or a number of seconds, sizes as \`512MiB\`, \`1GiB\` or a number of
bytes. Paths that are not absolute start in the folder of rackseed.yaml. A key that isn't here is refused, with the one that you
may have meant.

${[...sections, section(OPTIONS, OPTION_TABLE)].join('\n')}`;
}

function section(name: string, schema: KeySchema): string {
  const rows = keysOf(schema).map(({ path, value, absent, description }) =>
    [`\`${path}\``, value, absent, description].map((cell) => cell.replaceAll('|', '\\|')).join(' | '),
  );
  const about = schema.description === undefined ? '' : `${schema.description}\n\n`;
  return `## ${name}

${about}| key | value | when absent | |
|---|---|---|---|
${rows.map((row) => `| ${row} |`).join('\n')}
`;
}

/** The keys below a schema, each before those below it. The table of DHCP options, which is in many places, is only named. */
export function keysOf(schema: KeySchema, prefix = ''): KeyRow[] {
  const named = Object.entries(schema.properties ?? {}).map(([key, value]) => ({
    path: `${prefix}${key}`,
    value,
    isRequired: schema.required?.includes(key) ?? false,
  }));
  const free = Object.values(schema.patternProperties ?? {}).map((value) => ({
    path: `${prefix}NAME`,
    value,
    isRequired: false,
  }));
  return [...named, ...free].flatMap(({ path, value, isRequired }) => {
    // Not the same object: each use of it adds a description of its own.
    const isOptions = value.properties !== undefined && value.properties === OPTION_TABLE.properties;
    const row: KeyRow = {
      path,
      value: isOptions ? SEE_OPTIONS : describeValue(value),
      absent: isRequired ? 'required' : formatDefault(value),
      description: value.description ?? '',
    };
    return [row, ...(isOptions ? [] : below(value, path))];
  });
}

/** The keys of a value that is a mapping, or a list of them, in any of its forms. */
function below(value: KeySchema, path: string): KeyRow[] {
  return [
    ...keysOf(value, `${path}.`),
    ...(value.items ? below(value.items, `${path}[]`) : []),
    ...(value.anyOf ?? []).flatMap((form) => below(form, path)),
  ];
}

function describeValue({
  title,
  type,
  enum: words,
  const: only,
  anyOf,
  items,
  minimum,
  maximum,
}: KeySchema): string {
  if (words) return words.map((word) => `\`${word}\``).join(', ');
  if (only !== undefined) return `\`${only}\``;
  if (type === 'array')
    return items && Object.keys(items).length > 0 ? `list: ${describeValue(items)}` : 'list';
  if (title !== undefined) return title;
  if (anyOf) return [...new Set(anyOf.map(describeValue))].join(', or ');
  switch (type) {
    case 'object':
      return 'mapping';
    case 'boolean':
      return '`true`, `false`';
    case 'string':
      return 'text';
    case 'integer':
    case 'number':
      if (minimum === undefined) return 'number';
      return maximum === undefined ? `number from ${minimum}` : `number from ${minimum} to ${maximum}`;
    default:
      return 'anything';
  }
}

function formatDefault({ default: value, title, anyOf }: KeySchema): string {
  if (value === undefined) return '';
  const kind = title ?? anyOf?.[0]?.title;
  if (typeof value === 'number' && kind?.startsWith('duration')) return `\`${inUnits(value, DURATIONS)}\``;
  if (typeof value === 'number' && kind === 'size') return `\`${inUnits(value, SIZES)}\``;
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

const DURATIONS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;
const SIZES = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
] as const;

/** A number in the largest unit that divides it. */
function inUnits(value: number, units: readonly (readonly [name: string, factor: number])[]): string {
  const [name, factor] = units.find(([, each]) => value !== 0 && value % each === 0) ?? ['', 1];
  return `${value / factor}${name}`;
}
