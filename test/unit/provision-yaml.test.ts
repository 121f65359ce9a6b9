import test from 'ava';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { dumpYaml } from '../../src/provision/yaml.ts';

const plainly = (document: object) => dump(document, { lineWidth: -1, noRefs: true });

const script = `#!/bin/sh\n${'echo "it: works" # really\n\n'.repeat(3)}exit\n`;

const documents: Record<string, Record<string, unknown>> = {
  'that says nothing': {},
  'without lists of mappings': { hostname: 'worker-01', ssh_authorized_keys: ['ssh-ed25519 AAAA a b'] },
  'with files': {
    write_files: [
      { path: '/a', permissions: '0755', content: script },
      { path: '/b', content: script, owner: 'root:root' },
      { path: '/c', encoding: 'base64', content: Buffer.from(script).toString('base64') },
    ],
  },
  'with units in a section of their own': {
    coreos: {
      update: { reboot_strategy: 'off' },
      units: [
        { name: 'a.service', enable: true, command: 'start', content: script },
        { name: 'b.service', drop_ins: [{ name: '10-b.conf', content: '[Unit]\nAfter=a.service\n' }] },
      ],
    },
  },
  'with keys and values that need quotes': { 'a: b': [{ content: 'yes' }], '- x': { y: [{ '?': '1e3' }] } },
};

for (const [what, document] of Object.entries(documents)) {
  test(`a document ${what} is written as js-yaml does, each time`, (t) => {
    t.is(dumpYaml(document), plainly(document));
    t.is(dumpYaml(document), plainly(document));
  });
}

for (const value of ['worker-1', 'a-b.c', 'a-', '-a', '1-1', 'e-3', 'no', 'no-', true, false, 12, null]) {
  test(`so is a document with ${value} in it`, (t) => {
    const document = { value, within: { value, list: [{ value }] } };
    t.is(dumpYaml(document), plainly(document));
  });
}

const contents = [
  '',
  '\n',
  'a',
  ' a\nb\n',
  'a\nb',
  'a\nb\n\n',
  'a\n\n b\n',
  'a\nb \n',
  '\ta\nb\n',
  'é\nb\n',
  'one\n',
  'no\n',
  '- a: # b\n',
  '12\n',
];
const words = [
  '1234567890123456789012345678901234567890',
  'a'.repeat(40),
  `${'A'.repeat(40)}==`,
  `${'A'.repeat(40)}=b`,
];
for (const content of [...contents, ...words]) {
  test(`so is an entry with the content ${JSON.stringify(content)}`, (t) => {
    const document = { write_files: [{ path: '/a', content, mode: 1 }, { content }] };
    t.is(dumpYaml(document), plainly(document));
  });
}

test('so is any document', (t) => {
  const text = fc.oneof(fc.string(), fc.constantFrom(script, ...contents, ...words));
  const entry = fc.dictionary(
    fc.oneof(fc.constant('content'), fc.string()),
    fc.oneof(text, fc.integer(), fc.boolean()),
  );
  const value = fc.oneof(text, fc.array(entry), fc.array(text), fc.dictionary(fc.string(), fc.array(entry)));
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (document) => {
      t.is(dumpYaml({ ...document }), plainly({ ...document }));
    }),
  );
});
