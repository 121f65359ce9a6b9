import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import anyTest from 'ava';
import type { Profile } from '../../src/config/config.ts';
import type { JoinMaterial } from '../../src/provision/join.ts';
import { describeNode } from '../../src/provision/node.ts';
import { run } from '../support/process.ts';
import { DISK, JOIN, KUBERNETES, profileOf, TOKEN_JOIN } from '../support/profiles.ts';
import { sandboxFor } from '../support/sandbox.ts';
import { VARIABLES } from '../support/variables.ts';

const isRoot = process.getuid?.() === 0;
const test =
  isRoot && (await run(['systemd-analyze', '--version']).catch(() => undefined)) ? anyTest : anyTest.skip;

const DELIVERY = { url: 'https://192.168.0.254/secrets/x?token=x', caPem: 'CA\n' };

const PROFILES: readonly [what: string, sections: Partial<Profile>, join: JoinMaterial][] = [
  ['a disk of its own', { dockerDisk: { ...DISK, directories: ['/var/lib/docker', '/srv/my-data'] } }, JOIN],
  ['a worker with its kubelet from assets', { dockerDisk: DISK, kubernetes: KUBERNETES }, JOIN],
  [
    'a worker with its kubelet from an extension',
    { dockerDisk: DISK, kubernetes: { ...KUBERNETES, kubelet: { source: 'sysext', version: 'v1.36.2' } } },
    TOKEN_JOIN,
  ],
  [
    'a worker with the kubelet of its image',
    { kubernetes: { ...KUBERNETES, kubelet: { source: 'image' }, labels: { rack: 'r1' } } },
    JOIN,
  ],
  ['a controller', { dockerDisk: DISK, kubernetes: { ...KUBERNETES, role: 'controller' } }, JOIN],
];

for (const [what, sections, material] of PROFILES) {
  test(`systemd finds nothing wrong with the units of ${what}`, async (t) => {
    const { files, units } = describeNode(profileOf(sections), VARIABLES, material, false, DELIVERY);
    const sandbox = await sandboxFor(t);
    const tree = join(sandbox.folder, 'tree');
    const folder = '/etc/systemd/system';
    const texts = [
      ...files.map(({ path, content, permissions = '0644' }) => ({ path, content, permissions })),
      ...units.flatMap(({ name, content, dropIns }) => [
        ...(content === undefined ? [] : [{ path: `${folder}/${name}`, content, permissions: '0644' }]),
        ...dropIns.map((dropIn) => ({
          path: `${folder}/${name}.d/${dropIn.name}`,
          content: dropIn.content,
          permissions: '0644',
        })),
      ]),
    ];
    const list = texts.map(
      ({ path, permissions }, index) => `install -D -m ${permissions} ${tree}-${index} '${path}'`,
    );
    for (const [index, { content }] of texts.entries()) await writeFile(`${tree}-${index}`, content);
    // As when systemd reads them before it starts anything: no cycle with the units of a whole boot.
    const wanted = units
      .filter(({ enable, command }) => enable || command)
      .map(({ name }) => `ln -s '../${name}' ${folder}/multi-user.target.wants/`);
    const written = units.flatMap(({ name, content }) => (content === undefined ? [] : [`'${name}'`]));
    const { code, stdout, stderr } = await sandbox.run(`
      ${list.join('\n')}
      ${wanted.join('\n')}
      # Stand-ins for programs that a machine has or downloads.
      mkdir -p /run/bin && ln -s /bin/true /opt/bin/kubelet && mount --bind /opt/bin /usr/local/bin
      systemd-analyze verify --man=no multi-user.target ${written.join(' ')}`);
    t.is(stdout + stderr, '');
    t.is(code, 0);
  });
}
