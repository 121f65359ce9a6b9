import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import anyTest, { type ExecutionContext } from 'ava';
import {
  canMakeDisks,
  type DiskOptions,
  diskFor,
  ext4,
  lvmMember,
  partitionTable,
  raidMember,
  type TestDisk,
  unknownData,
} from '../support/disks.ts';
import type { Finished } from '../support/process.ts';
import { type Sandbox, sandboxFor } from '../support/sandbox.ts';

// The script that formats disks, on disks that are files. It is told which disks there are: no other is ever looked at.

const test = (await canMakeDisks()) ? anyTest : anyTest.skip;

const SCRIPT = fileURLToPath(new URL('../../node-files/docker-disk.sh', import.meta.url));

interface Settings {
  readonly device?: string;
  readonly minimum_size?: number;
  readonly filesystem?: string;
  readonly wait?: number;
  readonly adopt?: 'yes' | 'no';
}

/** What the script left behind. */
interface Outcome extends Finished {
  /** Where its link points; empty when it made none. */
  readonly link: string;
  /** What it has to tell the server. */
  readonly stage: string;
  readonly detail: string;
  readonly seconds: number;
}

/** Runs the script on `disks`. `before` is done in its sandbox first. */
async function prepare(
  sandbox: Sandbox,
  disks: readonly TestDisk[],
  settings: Settings,
  before = ':',
): Promise<Outcome> {
  const all = {
    device: 'auto',
    minimum_size: 1024,
    filesystem: 'ext4',
    label: 'DOCKER_DATA',
    wait: 0,
    adopt: 'no',
    ...settings,
  };
  const file = join(sandbox.folder, 'settings');
  const lines = Object.entries(all).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(file, lines.join(''));
  const started = Date.now();
  const devices = disks.map(({ device }) => device).join(' ');
  const finished = await sandbox.run(`${before}
    bash ${SCRIPT} ${file} ${devices || '/dev/null'} >&2; status=$?
    readlink /run/rackseed/docker-disk || echo
    cat /run/rackseed/docker-disk.report 2>/dev/null
    exit $status`);
  const [link = '', stage = '', detail = ''] = finished.stdout.split('\n');
  return { ...finished, link, stage, detail, seconds: (Date.now() - started) / 1000 };
}

async function disksFor(t: ExecutionContext, ...options: DiskOptions[]) {
  const sandbox = await sandboxFor(t);
  const disks: TestDisk[] = [];
  for (const [index, option] of options.entries()) {
    disks.push(await diskFor(t, sandbox.folder, `disk${index}`, option));
  }
  return { sandbox, disks, first: disks[0] as TestDisk, second: disks[1] as TestDisk };
}

const BLANK: DiskOptions = {};
const OURS: DiskOptions = { content: ext4('DOCKER_DATA') };
const FOREIGN: DiskOptions = { content: ext4('home') };

test('a blank disk is formatted, linked to, and told about', async (t) => {
  const { sandbox, disks, first } = await disksFor(t, BLANK);
  const { code, link, stage, detail } = await prepare(sandbox, disks, {});
  t.is(code, 0);
  t.like(await first.tags(), { TYPE: 'ext4', LABEL: 'DOCKER_DATA' });
  t.is(link, first.device);
  t.is(stage, 'disk');
  t.is(detail, `${first.device} (48.0MiB) formatted as ext4, label DOCKER_DATA`);
});

test('a disk that was formatted here before is formatted again', async (t) => {
  const { sandbox, disks, first } = await disksFor(t, OURS);
  const { UUID } = await first.tags();
  const { code, link, stage } = await prepare(sandbox, disks, {});
  t.deepEqual([code, link, stage], [0, first.device, 'disk']);
  const { LABEL, UUID: next } = await first.tags();
  t.is(LABEL, 'DOCKER_DATA');
  t.not(next, UUID);
});

const REFUSED: readonly [
  what: string,
  content: NonNullable<DiskOptions['content']>,
  auto: RegExp,
  explicit: RegExp,
][] = [
  ['a foreign file system', ext4('home'), /holds ext4 and was left/, /holds ext4 and was left/],
  ['a file system without a label', ext4(''), /holds ext4/, /holds ext4/],
  ['a partition table', partitionTable, /holds dos/, /holds dos/],
  ['data that nobody knows', unknownData, /holds unknown data/, /holds unknown data/],
  [
    'an LVM volume',
    lvmMember,
    /^there is no disk for device: auto: \/dev\/loop\d+ is part of a volume$/,
    /holds LVM2_member/,
  ],
  ['a part of a RAID', raidMember, /^there is no disk for device: auto/, /holds linux_raid_member/],
];

for (const [what, content, auto, explicit] of REFUSED) {
  test(`a disk with ${what} is refused and not changed by a bit`, async (t) => {
    const { sandbox, disks, first } = await disksFor(t, { content });
    const before = await first.hash();
    for (const [device, reason] of [
      ['auto', auto],
      [first.device, explicit],
    ] as const) {
      const { code, link, stage, detail } = await prepare(sandbox, disks, { device });
      t.deepEqual([code, link, stage], [1, '', 'disk-refused'], device);
      t.regex(detail, reason);
    }
    t.is(await first.hash(), before);
  });

  test(`a disk with ${what} is formatted when somebody has agreed to it`, async (t) => {
    const { sandbox, disks, first } = await disksFor(t, { content });
    const { code, detail } = await prepare(sandbox, disks, { device: first.device, adopt: 'yes' });
    t.is(code, 0);
    t.like(await first.tags(), { TYPE: 'ext4', LABEL: 'DOCKER_DATA' });
    t.regex(detail, /, in place of (?:ext4|dos|unknown data|\w+_member)$/);
  });
}

test('a member of a volume is never chosen by auto, agreed to or not', async (t) => {
  const { sandbox, disks, first } = await disksFor(t, { content: lvmMember });
  const before = await first.hash();
  t.is((await prepare(sandbox, disks, { adopt: 'yes' })).code, 1);
  t.is(await first.hash(), before);
});

test('a disk that is mounted is never touched, agreed to or not', async (t) => {
  const { sandbox, disks, first } = await disksFor(t, OURS);
  const mount = `mkdir -p /run/here && mount -o ro,noload ${first.device} /run/here`;
  const before = await first.hash();
  for (const settings of [{}, { device: first.device }, { device: first.device, adopt: 'yes' }] as const) {
    const { code, stage, detail } = await prepare(sandbox, disks, settings, mount);
    t.deepEqual([code, stage], [1, 'disk-refused']);
    t.regex(detail, / is mounted at \/run\/here$/);
  }
  t.is(await first.hash(), before);
});

test('a disk that can not be written to is no candidate', async (t) => {
  const { sandbox, disks, first } = await disksFor(t, { readOnly: true });
  t.regex((await prepare(sandbox, disks, {})).detail, /^there is no disk for device: auto: .* is read-only$/);
  t.regex((await prepare(sandbox, disks, { device: first.device })).detail, /is read-only$/);
});

test('of two disks that could be meant none is formatted', async (t) => {
  const { sandbox, disks, first, second } = await disksFor(t, BLANK, FOREIGN);
  const before = [await first.hash(), await second.hash()];
  const { code, detail } = await prepare(sandbox, disks, {});
  t.is(code, 1);
  t.is(detail, `device: auto needs exactly one disk, there are 2: ${first.device} ${second.device}`);
  t.deepEqual([await first.hash(), await second.hash()], before);
});

test('of two disks the one that was formatted here before is meant', async (t) => {
  const { sandbox, disks, first, second } = await disksFor(t, FOREIGN, OURS);
  const before = await first.hash();
  const { code, link } = await prepare(sandbox, disks, {});
  t.deepEqual([code, link], [0, second.device]);
  t.is(await first.hash(), before);
});

test('largest takes the largest disk, and of equals the one that was formatted here before', async (t) => {
  const { sandbox, disks, first, second } = await disksFor(t, BLANK, OURS, { mebibytes: 24 });
  t.is((await prepare(sandbox, disks, { device: 'largest' })).link, second.device);
  t.is((await prepare(sandbox, disks.slice(0, 1), { device: 'largest' })).link, first.device);
});

test('a largest disk that holds something is refused, and no smaller one taken for it', async (t) => {
  const { sandbox, disks, first, second } = await disksFor(t, FOREIGN, { mebibytes: 24 });
  const before = [await first.hash(), await second.hash()];
  t.regex((await prepare(sandbox, disks, { device: 'largest' })).detail, /holds ext4/);
  t.deepEqual([await first.hash(), await second.hash()], before);
});

test('disks below the least size are passed over', async (t) => {
  const { sandbox, disks, first, second } = await disksFor(t, { mebibytes: 24 }, BLANK);
  t.is((await prepare(sandbox, disks, { minimum_size: 30 * 1024 ** 2 })).link, second.device);
  const { detail } = await prepare(sandbox, disks, { device: 'largest', minimum_size: 1024 ** 3 });
  t.is(
    detail,
    `there is no disk for device: largest: ${first.device} is smaller than 1.0GiB, ${second.device} is smaller than 1.0GiB`,
  );
});

test('a disk is found by any path that leads to it', async (t) => {
  const { sandbox, disks, second } = await disksFor(t, BLANK, BLANK);
  const before = `ln -s ${second.device} /run/by-id`;
  t.is((await prepare(sandbox, disks, { device: '/run/by-id' }, before)).link, second.device);
});

test('a serial number that no disk has is refused', async (t) => {
  const { sandbox, disks } = await disksFor(t, BLANK);
  t.is(
    (await prepare(sandbox, disks, { device: 'serial:A1' })).detail,
    'there is no disk for device: serial:A1',
  );
});

test('a slow disk is waited for', async (t) => {
  const { sandbox, disks, first } = await disksFor(t, BLANK);
  const before = `{ until [[ -e /run/rackseed ]]; do :; done; ln -s ${first.device} /run/slow; } &`;
  const { code, link } = await prepare(sandbox, disks, { device: '/run/slow', wait: 30 }, before);
  t.deepEqual([code, link], [0, first.device]);
});

test('no disk at all is waited for once; who asks again is told at once', async (t) => {
  const { sandbox } = await disksFor(t);
  const first = await prepare(sandbox, [], { wait: 2 });
  t.deepEqual([first.code, first.stage], [1, 'disk-refused']);
  // Counted in whole seconds, the first of which may have been nearly over.
  t.true(first.seconds >= 1, `waited ${first.seconds} s`);
  const second = await prepare(sandbox, [], { wait: 60 });
  t.is(second.code, 1);
  t.true(second.seconds < 10);
});

test('what the server was told already is not told again', async (t) => {
  const { sandbox, disks } = await disksFor(t, FOREIGN);
  t.is((await prepare(sandbox, disks, {})).stage, 'disk-refused');
  const sent = 'mv /run/rackseed/docker-disk.report{,.sent}';
  t.is((await prepare(sandbox, disks, {}, sent)).stage, '');
  t.is((await prepare(sandbox, disks, { adopt: 'yes' })).stage, 'disk');
});
