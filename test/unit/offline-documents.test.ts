// What documents say besides when rackseed.yaml has a mirror, a proxy, time servers and search domains, and a profile has
// archives to load: for profiles of each family, what is other than in test/golden/. After a change that is meant:
//
//     UPDATE_GOLDEN=1 npx ava test/unit/offline-documents.test.ts && git diff test/golden-offline

import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { diffLines } from '../../src/text/diff.ts';
import { changedConfig, formatsOf, readable, renderAll, shippedConfig } from '../support/shipped.ts';
import { validateCloudInit, validateIgnition } from '../support/validators.ts';

const GOLDEN = new URL('../golden-offline/', import.meta.url);
const MACHINE = { mac: '52:54:00:12:34:56', index: 1, address: '192.168.0.7', labels: {} };

const PROFILES = ['worker', 'worker-ignition', 'worker-fcos', 'worker-cloud-init', 'atomic', 'rescue'];

const SECTIONS = `
mirror:
  registries:
    - { name: docker.io, port: 5000 }
    - { name: registry.k8s.io, port: 5001 }
    - { name: "registry.example.com:8443", port: 5002 }
proxy:
  http: http://proxy.example.com:3128
  https: http://proxy.example.com:3128
  no_proxy: [registry.example.com]
`;

const plain = await shippedConfig();
const offline = await changedConfig((texts) => {
  const told = (texts.get('rackseed.yaml') ?? '')
    .replace('# ntp: ', 'ntp: ')
    .replace('# search: ', 'search: ');
  return {
    'rackseed.yaml': told + SECTIONS,
    'profiles/kubernetes-node.yaml': `${texts.get('profiles/kubernetes-node.yaml')}\npreload: [preload/pause.tar, preload/flannel.tar]\n`,
  };
});

for (const name of PROFILES) {
  test(`what machines of ${name} get besides is as test/golden-offline/${name}.txt says`, async (t) => {
    const [before, after] = [plain, offline].map((config) => config.profiles.get(name));
    if (!before || !after) return t.fail('the profile is there');
    const lines = (text: string) => text.split('\n');
    const changes = diffLines(
      lines(readable(plain, before, MACHINE)),
      lines(readable(offline, after, MACHINE)),
    );
    const text = `${changes.join('\n')}\n`;
    const file = new URL(`${name}.txt`, GOLDEN);
    if (process.env.UPDATE_GOLDEN) await writeFile(file, text);
    t.is(text, await readFile(file, 'utf8'));
  });
}

test('what validators accept without these sections they accept with them, in every format', async (t) => {
  for (const name of PROFILES) {
    const profile = offline.profiles.get(name);
    if (!profile) return t.fail(`${name} is there`);
    for (const format of formatsOf(profile)) {
      const documents = renderAll(offline, profile, format, MACHINE);
      if (format === 'ignition')
        for (const text of documents.values()) t.is(await validateIgnition(text), '', name);
      if (format === 'cloud-init') t.is(await validateCloudInit(documents.get('user-data') ?? ''), '', name);
      t.true(documents.size > 0);
    }
  }
});
