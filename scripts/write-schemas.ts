import { mkdir, writeFile } from 'node:fs/promises';
import { editorSchemas } from '../src/config/schema.ts';

// Writes the JSON Schemas that editors use for the configuration files (npm run schema).

const folder = new URL('../config/schema/', import.meta.url);
await mkdir(folder, { recursive: true });
for (const [name, text] of editorSchemas()) await writeFile(new URL(name, folder), text);
