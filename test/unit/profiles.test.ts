// What the profiles of config/profiles/ become. For each there is a file in test/golden/: all that one machine gets,
// then the lines that are different for another. After a change that is meant, write them anew and read what changed:
//
//     UPDATE_GOLDEN=1 npx ava test/unit/profiles.test.ts && git diff test/golden

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { load } from 'js-yaml';
import { Check, Errors } from 'typebox/value';
import { cloudConfig } from '../../src/config/cloud-config-schema.ts';
import type { DocumentFormat } from '../../src/config/config.ts';
import { diffLines } from '../../src/text/diff.ts';
import { formatsOf, readable, renderAll, type ShippedMachine, shippedConfig } from '../support/shipped.ts';
import { askCloudInit, validateCloudInit, validateIgnition } from '../support/validators.ts';

const GOLDEN = new URL('../golden/', import.meta.url);
const PROFILES = new URL('../../config/profiles/', import.meta.url);

/** Labels that some profile can't do without. */
const NEEDED = {
  etcd_discovery: 'http://192.168.0.254:4001/v2/keys/discovery/rack',
  state_disk: '/dev/disk/by-id/ata-STATE_1',
  install_disk: '/dev/disk/by-id/ata-SYSTEM_1',
};
const FIRST: ShippedMachine = {
  mac: '52:54:00:12:34:56',
  index: 1,
  address: '192.168.0.7',
  labels: NEEDED,
};
const SECOND: ShippedMachine = {
  mac: '52:54:00:12:34:57',
  index: 2,
  address: '192.168.0.8',
  labels: { ...NEEDED, rack: 'r2', docker_disk: 'serial:S4EVNX0', state_disk: '/dev/disk/by-id/ata-STATE_2' },
};

interface CloudConfig {
  readonly write_files?: readonly { readonly content: string; readonly encoding?: string }[];
}

const config = await shippedConfig();
const files = readdirSync(PROFILES).map((name) => name.replace(/\.yaml$/, ''));
const profiles = [...config.profiles.values()];

/** Rendered for both machines, in every format that can say what the profile does. */
const rendered = profiles.flatMap((profile) =>
  formatsOf(profile).flatMap((format) =>
    [FIRST, SECOND].map((machine) => ({
      profile: profile.name,
      format,
      title: `${profile.name} as ${format} for machine ${machine.index}`,
      documents: renderAll(config, profile, format, machine),
    })),
  ),
);
const inFormat = (wanted: DocumentFormat) => rendered.filter(({ format }) => format === wanted);

test('every profile that ships can be given to a machine, but those that are there to be extended', (t) => {
  const only = files.filter((name) => !config.profiles.has(name));
  t.deepEqual(only.sort(), ['base', 'kubernetes-node']);
});

test('every profile that ships says on top whose setup it is', (t) => {
  for (const name of files) {
    const [, , comment = ''] = readFileSync(new URL(`${name}.yaml`, PROFILES), 'utf8').split('\n');
    t.regex(comment, /^# [A-Z].{30,}/, name);
  }
});

for (const profile of profiles) {
  test(`${profile.name} becomes what its golden file says`, async (t) => {
    const first = readable(config, profile, FIRST);
    const second = readable(config, profile, SECOND);
    const changes = diffLines(first.trimEnd().split('\n'), second.trimEnd().split('\n'));
    const text = `${first}\n# for another machine\n${changes.join('\n')}\n`;
    const file = new URL(`${profile.name}.txt`, GOLDEN);
    if (process.env.UPDATE_GOLDEN) {
      await mkdir(GOLDEN, { recursive: true });
      await writeFile(file, text);
    }
    t.is(text, await readFile(file, 'utf8'));
  });
}

test('every golden file belongs to a profile', (t) => {
  const names = readdirSync(GOLDEN).map((name) => name.replace(/\.txt$/, ''));
  t.deepEqual(names.sort(), [...config.profiles.keys()].sort());
});

test('every cloud-config of theirs is within coreos-cloudinit and its schema', (t) => {
  for (const { title, documents } of inFormat('cloud-config')) {
    const text = documents.get('cloud-config') ?? '';
    t.true(text.startsWith('#cloud-config\n'), title);
    t.notRegex(text, /\$(?:public|private)_ipv[46]/, title);
    const document = load(text);
    t.true(Check(cloudConfig, document), `${title}: ${JSON.stringify(Errors(cloudConfig, document))}`);
  }
});

test('every script of theirs is valid bash', (t) => {
  const scripts = inFormat('cloud-config').flatMap(({ documents }) => {
    const { write_files: written = [] } = load(documents.get('cloud-config') ?? '') as CloudConfig;
    return written.map(({ content, encoding }) =>
      Buffer.from(content, encoding === undefined ? 'utf8' : 'base64').toString(),
    );
  });
  for (const script of new Set(scripts.filter((text) => text.startsWith('#!/bin/bash\n')))) {
    t.is(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' }).stderr, '');
  }
});

test('every document of theirs that is YAML is the same to a parser of YAML 1.1', async (t) => {
  const texts = rendered
    .filter(({ format }) => format !== 'ignition')
    .flatMap(({ documents }) => [...documents.values()].filter((text) => text !== ''));
  const answer = await askCloudInit('import yaml\nanswer = [yaml.safe_load(text) for text in data]', texts);
  t.deepEqual(
    answer,
    texts.map((text) => load(text)),
  );
});

for (const { profile, title, documents } of inFormat('ignition')) {
  test(`ignition-validate accepts ${title}`, async (t) => {
    for (const text of documents.values()) t.is(await validateIgnition(text), '', profile);
  });
}

for (const { profile, title, documents } of inFormat('cloud-init')) {
  test(`cloud-init's schema accepts ${title}`, async (t) => {
    t.is(await validateCloudInit(documents.get('user-data') ?? ''), '', profile);
  });
}
