import test from 'ava';
import { checkDockerDisk, expandDockerDisk } from '../../src/provision/docker-disk.ts';
import { DISK } from '../support/profiles.ts';
import { VARIABLES } from '../support/variables.ts';

const expand = (disk: Partial<typeof DISK> = {}, adopt = false) =>
  expandDockerDisk({ ...DISK, ...disk }, VARIABLES, adopt);

test('what was chosen for the disk reaches its script', (t) => {
  const settings = (disk: Partial<typeof DISK>, adopt: boolean) =>
    Buffer.from(
      expand(disk, adopt).files.find(({ path }) => path === '/etc/rackseed/docker-disk')?.content ?? [],
    ).toString();
  t.is(
    settings({}, false),
    'device=auto\nminimum_size=1073741824\nfilesystem=ext4\nlabel=DOCKER_DATA\nwait=30\nadopt=no\n',
  );
  t.is(
    settings({ device: 'serial:A=1', filesystem: 'xfs', label: 'X', wait: 5, minimumSize: 7 }, true),
    'device=serial:A=1\nminimum_size=7\nfilesystem=xfs\nlabel=X\nwait=5\nadopt=yes\n',
  );
});

test('each folder is bound from the disk to where programs expect it', (t) => {
  const { units } = expand({ directories: ['/var/lib/my-data'], filesystem: 'btrfs' });
  const content = (name: string) => units.find((unit) => unit.name === name)?.content ?? '';
  t.regex(content('var-lib-nodedata.mount'), /^Where=\/var\/lib\/nodedata\nType=btrfs$/m);
  t.is(
    content('var-lib-my\\x2ddata.mount'),
    `[Unit]
Description=/var/lib/my-data on the local disk
DefaultDependencies=no
Conflicts=umount.target
Before=umount.target
Requires=var-lib-nodedata.mount
After=var-lib-nodedata.mount

[Mount]
What=/var/lib/nodedata/var/lib/my-data
Where=/var/lib/my-data
Type=none
Options=bind

[Install]
WantedBy=multi-user.target
`,
  );
});

test('docker, containerd and the kubelet require the folders, and none of them is started by its name', (t) => {
  const { units } = expand({ directories: ['/var/lib/docker', '/var/log/pods'] });
  for (const name of ['docker.service', 'containerd.service', 'kubelet.service']) {
    const unit = units.find((one) => one.name === name);
    t.regex(unit?.dropIns[0]?.content ?? '', /^RequiresMountsFor=\/var\/lib\/docker \/var\/log\/pods$/m);
    t.is(unit?.command, undefined);
    t.is(unit?.content, undefined);
  }
});

test('everything that is waited for has an end, far below ten minutes', (t) => {
  const waits = expand({ wait: 30 }).units.flatMap(({ content = '' }) =>
    [...content.matchAll(/^Timeout(?:Start)?Sec=(\d+)$/gm)].map(([, seconds]) => Number(seconds)),
  );
  t.deepEqual(waits, [150, 90, 60, 90]);
});

test('no service of the disk waits for the server', (t) => {
  const { units } = expand();
  const report = 'rackseed-docker-disk-report.service';
  const texts = units.flatMap(({ content = '', dropIns }) => [content, ...dropIns.map((one) => one.content)]);
  t.deepEqual(texts.join('\n').match(new RegExp(`^.*${report}.*$`, 'gm')), [`Wants=${report}`]);
});

const FOLDERS: readonly [folder: string, fine: boolean][] = [
  ['/var/lib/docker', true],
  ['/var/lib/nodedata2', true],
  ['/var/lib/nodedata', false],
  ['/var/lib/nodedata/docker', false],
  ['/var/lib', false],
  ['/var', false],
];

for (const [folder, fine] of FOLDERS) {
  test(`${folder} ${fine ? 'may' : 'may not'} live on the disk`, (t) => {
    const message = `${folder} and /var/lib/nodedata, where the disk is mounted, would hide each other`;
    const problems = fine ? [] : [{ path: ['directories', 0], message }];
    t.deepEqual(checkDockerDisk({ ...DISK, directories: [folder] }), problems);
  });
}
