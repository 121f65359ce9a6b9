import test from 'ava';
import { parseMac } from '../../src/net/mac.ts';
import { good, PROFILE, problems } from '../support/config.ts';

const OTHER = { 'profiles/storage.yaml': PROFILE };

test('rules are read in the order of the files and of each file', (t) => {
  const { rules, machines } = good({
    ...OTHER,
    'machines/a.yaml': `rules:
  - match: { mac: 52-54-00-12-34-56, mac_prefix: 52-54-AB, serial: CZ1, network: kubernetes1 }
    profile: storage
  - match: { product: "PowerEdge*", manufacturer: Dell*, uuid: 4c4c*, arch: x86_64 }
    profile: worker
    labels: { rack: r1 }
`,
    'machines/b.yaml':
      'machines: [{ mac: "52:54:00:00:00:01", adopt_disk: true }]\nrules:\n  - { match: { serial: x }, profile: worker }\n',
  });
  t.deepEqual(rules, [
    {
      place: 'machines/a.yaml: rules[0]',
      match: {
        mac: parseMac('52:54:00:12:34:56'),
        macPrefix: '52:54:ab',
        serial: 'CZ1',
        network: 'kubernetes1',
      },
      profile: 'storage',
      labels: {},
    },
    {
      place: 'machines/a.yaml: rules[1]',
      match: { product: 'PowerEdge*', manufacturer: 'Dell*', uuid: '4c4c*', arch: 'x86_64' },
      profile: 'worker',
      labels: { rack: 'r1' },
    },
    { place: 'machines/b.yaml: rules[0]', match: { serial: 'x' }, profile: 'worker', labels: {} },
  ]);
  t.like([...machines.values()][0], { adoptDisk: true, place: 'machines/b.yaml: machines[0]' });
});

test('a file of machines may hold rules only, or lists with nothing in them', (t) => {
  t.deepEqual(problems({ 'machines/a.yaml': 'rules:\nmachines:\n' }), []);
  t.deepEqual(problems({ 'machines/a.yaml': 'rules: []\n' }), []);
});

const RULES: readonly [what: string, text: string, ...expected: string[]][] = [
  [
    'no condition',
    'rules:\n  - match: {}\n    profile: worker\n',
    'config/machines/a.yaml:2: rules[0].match: is an empty mapping (expected at least one key)',
  ],
  [
    'a misspelt condition',
    'rules:\n  - match: { produkt: x }\n    profile: worker\n',
    'config/machines/a.yaml:2: rules[0].match.produkt: unknown key, did you mean product? (expected one of mac, mac_prefix, uuid, serial, manufacturer, product, arch, network)',
  ],
  [
    'a profile and a network that do not exist',
    'rules:\n  - match: { network: blue }\n    profile: stroage\n  - match: { network: kube* }\n    profile: worker\n',
    'config/machines/a.yaml:2: rules[0].match.network: there is no network blue (expected one of kubernetes1)',
    'config/machines/a.yaml:3: rules[0].profile: there is no profile stroage, did you mean storage? (expected one of worker, storage)',
  ],
  [
    'addresses that are none',
    'rules:\n  - match: { mac: 52:54, mac_prefix: "52:5" }\n    profile: worker\n',
    'config/machines/a.yaml:2: rules[0].match.mac: "52:54" is not a MAC address (expected for example 52:54:00:12:34:56)',
    'config/machines/a.yaml:2: rules[0].match.mac_prefix: "52:5" is not a beginning of a MAC address (expected for example 52:54:00)',
  ],
  [
    'no profile and a number',
    'rules:\n  - match: { serial: 7 }\n',
    'config/machines/a.yaml:2: rules[0].profile: is missing (expected a name of a profile such as worker)',
    'config/machines/a.yaml:2: rules[0].match.serial: 7 is not a serial number, where * stands for any characters (expected for example CZ1*)',
  ],
];

for (const [what, text, ...expected] of RULES) {
  test(`a rule with ${what} is refused with its place`, (t) => {
    t.deepEqual(problems({ ...OTHER, 'machines/a.yaml': text }), expected);
  });
}
