// The pages for people: what they show as an example must be accepted, and what they name must be there.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { type ConfigText, checkConfig } from '../../src/config/check.ts';
import { readConfigFolder } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { run, runChecked } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';
import { formatsOf, readable } from '../support/shipped.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CONFIG = join(ROOT, 'config');
const DOCS = join(ROOT, 'docs');
const pages = readdirSync(DOCS)
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(join(DOCS, name), 'utf8') }));

/** The YAML examples of the pages that begin with the name of a file. */
const examples = pages.flatMap(({ name: page, text }) =>
  [...text.matchAll(/^```yaml\n# (\S+)\n([\s\S]*?)^```$/gm)].map(([, file = '', yaml = '']) => ({
    page,
    file,
    yaml,
  })),
);
const ofConfig = examples.filter(({ file }) => file.startsWith('config/'));

const MACHINE = {
  mac: '52:54:00:12:34:56',
  index: 1,
  address: '192.168.0.7',
  labels: { rack: 'r1', docker_disk: '/dev/disk/by-id/ata-DATA_1' },
};

/** The configuration that ships, with files put into it. */
async function withFiles(added: readonly ConfigText[]) {
  const { files } = await readConfigFolder(CONFIG);
  const names = new Set(added.map(({ name }) => name));
  return checkConfig({
    directory: CONFIG,
    files: [...files.filter(({ name }) => !names.has(name)), ...added],
    isDirectory: () => true,
    holdsText: () => true,
  });
}

const inConfig = ({ file, yaml }: { file: string; yaml: string }): ConfigText => ({
  name: file.replace(/^config\//, ''),
  text: yaml,
});

test('there are examples of all three kinds of files', (t) => {
  const kinds = new Set(ofConfig.map(({ file }) => file.split('/')[1]));
  t.deepEqual([...kinds].sort(), ['machines', 'profiles', 'rackseed.yaml']);
  t.true(ofConfig.length >= 15);
});

test('no two examples of a page have the same name', (t) => {
  const names = ofConfig.map(({ page, file }) => `${page}: ${file}`);
  t.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

for (const example of ofConfig) {
  test(`${example.page}: ${example.file} is accepted, and machines get what it says`, async (t) => {
    // A page's machines may have the profiles of the same page.
    const profiles = ofConfig.filter(
      ({ page, file }) =>
        page === example.page && file.startsWith('config/profiles/') && file !== example.file,
    );
    const result = await withFiles([...profiles, example].map(inConfig));
    if (!result.ok) {
      t.fail(result.problems.map((problem) => formatProblem(problem, CONFIG)).join('\n'));
      return;
    }
    const [, name = ''] = /^config\/profiles\/(.*)\.yaml$/.exec(example.file) ?? [];
    if (name === '') return t.pass();
    const profile = result.config.profiles.get(name);
    // One that boots nothing is a part of others, which are checked with it.
    if (!profile) return t.regex(example.yaml, /^(?![\s\S]*^boot:)/m);
    t.true(formatsOf(profile).length > 0);
    t.regex(readable(result.config, profile, MACHINE), /^# boot\n/);
  });
}

test('every link of a page leads to a page or file that is there', (t) => {
  const readme = { name: '../README.md', text: readFileSync(join(ROOT, 'README.md'), 'utf8') };
  for (const { name, text } of [...pages, readme]) {
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      const path = resolve(dirname(join(DOCS, name)), target);
      t.true(existsSync(path), `${name} links to ${target}`);
    }
  }
});

test('every command that a page tells to call is one', async (t) => {
  const help = await runChecked([...PROGRAM, '--help']);
  const commands = new Set([...help.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, command]) => command));
  commands.add('help');
  t.true(commands.size > 20);
  for (const { name, text } of pages) {
    const code = [...text.matchAll(/`([^`\n]+)`/g), ...text.matchAll(/^ {4}(.+)$/gm)].map(([, line]) => line);
    for (const line of code) {
      for (const [, command] of line?.matchAll(/(?:^|["(]|&& |root )rackseed ([a-z][a-z-]+)/g) ?? [])
        t.true(commands.has(command), `${name}: rackseed ${command}`);
    }
  }
});

test('Prometheus takes the example of its configuration', async (t) => {
  const example = examples.find(({ file }) => file === 'prometheus.yml');
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-docs-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const rules = readFileSync(join(ROOT, 'ops/prometheus/rackseed.rules.yml'));
  await writeFile(join(folder, 'rackseed.rules.yml'), rules);
  await writeFile(join(folder, 'token'), 'rs_example');
  const text = example?.yaml.replace('/etc/prometheus/rackseed.token', join(folder, 'token')) ?? '';
  await writeFile(join(folder, 'prometheus.yml'), text);
  const { code, stderr } = await run(['promtool', 'check', 'config', join(folder, 'prometheus.yml')]);
  t.is(code, 0, stderr);
});
