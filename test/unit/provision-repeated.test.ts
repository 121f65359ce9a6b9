import test from 'ava';
import fc from 'fast-check';
import type { Profile } from '../../src/config/config.ts';
import { type DocumentRequest, mainRequest, renderDocument } from '../../src/provision/document.ts';
import { stringifyEntries } from '../../src/provision/json.ts';
import type { Variables } from '../../src/provision/variables.ts';
import { profile } from '../support/nodes.ts';
import { DISK, JOIN, KUBERNETES } from '../support/profiles.ts';
import { withMachine } from '../support/variables.ts';

/** Texts of a profile, with and without placeholders. */
const text = fc.constantFrom(
  'plain',
  'in two lines\nof text\n',
  '[Unit]\nAfter=multi-user.target\n',
  '[Unit]\nWants=a.service\nAfter=a.service\n[Install]\nWantedBy=multi-user.target\n',
  'x'.repeat(4000),
  '$private_ipv4',
  '{{ machine.hostname }}\n',
  'rack {{ machine.labels.rack }} of {{network.name}}\n',
  '{{ machine.labels.rack | default: "none" | upcase }}',
  '{% if machine.serial %}{{ machine.serial }}{% else %}none{% endif %}',
  '{{ machine.serial }}',
  '{ {{ machine.hostname }} }',
  '{{{ machine.hostname }}}',
  '{{ machine.hostname.size }} {{ network.prefix }}',
  '{{- machine.hostname -}} {{ "now" | date: "%Y" }}',
  '{% raw %}{{ machine.hostname }}{% endraw %}',
  '{{ machine.labels }}',
);
const name = fc.constantFrom('a.service', 'b.service', 'kubelet.service', 'docker.service', 'c.network');
const file = fc.record(
  {
    path: fc.constantFrom('/a', '/b', '/etc/kubernetes/kubeconfig', '/opt/bin/rackseed-docker-disk'),
    content: text,
    permissions: fc.constantFrom('0600', '644'),
    owner: fc.constantFrom('root', 'core:core'),
  },
  { requiredKeys: ['path'] },
);
const unit = fc.record(
  {
    name,
    content: text,
    command: fc.constantFrom('start', 'restart'),
    enable: fc.boolean(),
    mask: fc.boolean(),
    drop_ins: fc.array(fc.record({ name: fc.constantFrom('1.conf', '2.conf'), content: text }), {
      maxLength: 2,
    }),
  },
  { requiredKeys: ['name'] },
);
const user = fc.record(
  {
    name: fc.constantFrom('core', 'admin'),
    passwd: text,
    ssh_authorized_keys: fc.array(text, { maxLength: 2 }),
  },
  { requiredKeys: ['name'] },
);
const parts: fc.Arbitrary<Partial<Profile>> = fc.record(
  {
    cloudConfig: fc.record(
      {
        hostname: fc.constantFrom('{{ machine.hostname }}', 'fixed', 'no', '1e3'),
        ssh_authorized_keys: fc.array(text, { maxLength: 2 }),
        users: fc.uniqueArray(user, { maxLength: 2, selector: (one) => one.name }),
        write_files: fc.uniqueArray(file, { maxLength: 4, selector: ({ path }) => path }),
        coreos: fc.record(
          {
            units: fc.uniqueArray(unit, { maxLength: 4, selector: (one) => one.name }),
            update: fc.constant({ reboot_strategy: 'off' }),
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    ),
    dockerDisk: fc.constantFrom(DISK, { ...DISK, device: '{{ machine.labels.disk | default: "auto" }}' }),
    kubernetes: fc.constantFrom(
      KUBERNETES,
      { ...KUBERNETES, labels: { rack: '{{ machine.labels.rack }}' } },
      { ...KUBERNETES, config: { maxPods: 50 }, taints: ['a=b:NoSchedule'] },
    ),
    ignition: fc.record(
      {
        storage: fc.record({
          files: fc.array(
            fc.record({ path: fc.constantFrom('/a', '/z'), contents: fc.record({ source: text }) }),
            {
              maxLength: 2,
            },
          ),
        }),
        systemd: fc.constant({ units: [{ name: 'a.service', enabled: true }] }),
        passwd: fc.constant({ users: [{ name: 'core', shouldExist: true }] }),
      },
      { requiredKeys: [] },
    ),
    cloudInit: fc.record(
      {
        packages: fc.array(text, { maxLength: 2 }),
        package_update: fc.boolean(),
        runcmd: fc.array(fc.array(text, { maxLength: 2 }), { maxLength: 2 }),
        write_files: fc.array(fc.record({ path: fc.constantFrom('/a', '/z'), content: text }), {
          maxLength: 2,
        }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const machine = fc.record({
  variables: fc
    .record(
      {
        hostname: fc.constantFrom('worker-1', 'worker-2', 'worker'),
        serial: fc.constantFrom('S1', 'S 2'),
        labels: fc.constantFrom({}, { rack: 'r1' }, { rack: 'r2', disk: '/dev/vda' }, { rack: 'a b' }),
      },
      { requiredKeys: ['hostname', 'labels'] },
    )
    .map(withMachine),
  adoptDisk: fc.boolean(),
  join: fc.constantFrom(JOIN, { ...JOIN, kubeconfig: 'other\n' }, {
    ...JOIN,
    kind: 'bootstrap-kubeconfig',
  } as const),
  delivery: fc.constantFrom(undefined, { url: 'https://server/?token=1', caPem: 'CA\n' }),
});
const requests: readonly DocumentRequest[] = [
  mainRequest('cloud-config'),
  mainRequest('ignition'),
  { format: 'ignition', version: '3.0.0' },
  mainRequest('cloud-init'),
  { format: 'cloud-init', file: 'meta-data' },
];

/** A document and what goes with it, or why there is none. */
function outcome(
  request: DocumentRequest,
  given: Profile,
  {
    variables,
    delivery,
    ...sources
  }: { variables: Variables; delivery: object | undefined; adoptDisk: boolean },
): string {
  try {
    const all = { ...sources, profile: given, variables, ...(delivery && { delivery }) };
    const { text, secondStage } = renderDocument(request, all as Parameters<typeof renderDocument>[1]);
    return `${text}${Buffer.from(secondStage?.body ?? '').toString('latin1')}`;
  } catch (error) {
    return String(error);
  }
}

for (const request of requests) {
  const title = Object.values(request).join(' ');
  test(`${title}: what was written for other machines before changes nothing, in any profile`, (t) => {
    fc.assert(
      fc.property(parts, fc.array(machine, { minLength: 2, maxLength: 6 }), (given, machines) => {
        const shared = profile(request.format, 'flatcar', given);
        for (const one of machines) {
          // Nothing is known of the parts of a profile that nobody has seen before.
          t.is(outcome(request, shared, one), outcome(request, structuredClone(shared), one));
        }
      }),
      { numRuns: 40 },
    );
  });
}

test('a mapping is written as JSON.stringify does, the first time and each time after', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (mapping, key) => {
      const document = { ...mapping, [key]: undefined, list: [mapping, undefined, [mapping]] };
      t.is(stringifyEntries(document), JSON.stringify(document));
      t.is(stringifyEntries(document), JSON.stringify(document));
    }),
  );
});
