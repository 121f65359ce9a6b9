import { readFile } from 'node:fs/promises';
import test from 'ava';
import { configReference, keysOf } from '../../src/config/reference.ts';
import { editorSchemas } from '../../src/config/schema.ts';

const page = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

test('docs/configuration.md is what the schemas say; "npm run schema" writes it anew', (t) => {
  t.true(page === configReference(), 'it is out of date: npm run schema');
});

/** The names of all keys in a JSON Schema, wherever they stand. */
function namesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([keyword, value]) =>
    keyword === 'properties'
      ? [...Object.keys(value), ...Object.values(value).flatMap(namesIn)]
      : namesIn(value),
  );
}

test('every key that editors complete has a row', (t) => {
  for (const [name, text] of editorSchemas()) {
    for (const key of new Set(namesIn(JSON.parse(text))))
      t.regex(page, new RegExp(`^\\| \`(?:\\S+\\.)?${key}\` \\| \\S`, 'm'), name);
  }
});

test('a key is told with its value, what it is when absent, and what it is for', (t) => {
  const rows = keysOf({
    required: ['name'],
    properties: {
      name: { type: 'string', title: 'host name', description: 'Its name.' },
      lease: {
        title: 'duration',
        default: 5400,
        anyOf: [{ type: 'string', title: 'duration' }, { type: 'integer' }],
      },
      memory: { title: 'size', default: 1_048_576 },
      port: { type: 'integer', minimum: 1, maximum: 65_535, default: 80 },
      mode: { enum: ['a', 'b'], default: 'a' },
      files: { type: 'array', items: { type: 'object', properties: { path: { type: 'string' } } } },
      labels: { type: 'object', patternProperties: { '.': { type: 'string' } } },
      either: { anyOf: [{ type: 'boolean' }, { type: 'object', properties: { deep: { const: 'x' } } }] },
    },
  });
  t.deepEqual(
    rows.map(({ path, value, absent }) => [path, value, absent]),
    [
      ['name', 'host name', 'required'],
      ['lease', 'duration', '`90m`'],
      ['memory', 'size', '`1MiB`'],
      ['port', 'number from 1 to 65535', '`80`'],
      ['mode', '`a`, `b`', '`a`'],
      ['files', 'list: mapping', ''],
      ['files[].path', 'text', ''],
      ['labels', 'mapping', ''],
      ['labels.NAME', 'text', ''],
      ['either', '`true`, `false`, or mapping', ''],
      ['either.deep', '`x`', ''],
    ],
  );
  t.is(rows[0]?.description, 'Its name.');
});
