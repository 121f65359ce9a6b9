import { mkdir, writeFile } from 'node:fs/promises';
import { configReference } from '../src/config/reference.ts';
import { editorSchemas } from '../src/config/schema.ts';

// Writes what follows from the schemas of the configuration (npm run schema): the JSON Schemas that editors use, and the page
// that lists every key.

const folder = new URL('../config/schema/', import.meta.url);
await mkdir(folder, { recursive: true });
for (const [name, text] of editorSchemas()) await writeFile(new URL(name, folder), text);
await writeFile(new URL('../docs/configuration.md', import.meta.url), configReference());
