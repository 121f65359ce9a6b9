import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { loadTarget, TARGET_NAMES } from './targets.ts';

/** Inputs that once broke a property, one a file, in hexadecimal: TARGET/what-it-was.hex. */
const FINDINGS = new URL('../fixtures/fuzz/', import.meta.url);

for (const name of TARGET_NAMES) {
  const folder = new URL(`${name}/`, FINDINGS);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  for (const file of files) {
    test(`${name} holds for what was found once: ${file.replace('.hex', '').replaceAll('-', ' ')}`, async (t) => {
      const hex = readFileSync(new URL(file, folder), 'utf8').trim();
      t.regex(hex, /^(?:[0-9a-f]{2})+$/);
      await t.notThrowsAsync(async () => loadTarget(name).run(Buffer.from(hex, 'hex')));
    });
  }

  test(`${name} holds for all that its fuzzing begins with`, async (t) => {
    const target = loadTarget(name);
    for (const seed of target.seeds()) await t.notThrowsAsync(async () => target.run(seed));
  });
}

test('every finding belongs to a target', (t) => {
  const names: readonly string[] = TARGET_NAMES;
  const folders = readdirSync(FINDINGS, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  t.deepEqual(
    folders.map((entry) => entry.name).filter((name) => !names.includes(name)),
    [],
  );
});
