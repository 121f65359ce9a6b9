import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openFirmwareFolder } from '../../src/boot/firmware-folder.ts';
import { identify } from '../../src/machines/identity.ts';
import { createTftpFiles } from '../../src/tftp-files.ts';
import { DISK, KNOWN, NETWORK, testConfig, testTokens, UNKNOWN } from '../support/provisioning.ts';

const ADDRESSES = new Map([
  ['192.168.0.1', KNOWN],
  ['192.168.0.2', DISK],
  ['192.168.0.3', UNKNOWN],
]);

/** The tree as the machine at an address sees it; assets and loaders are on disk. */
async function treeFor(t: ExecutionContext, memory = 1000) {
  const folder = await mkdtemp(join(tmpdir(), 'rackseed-tftp-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'assets/flatcar/1'), { recursive: true });
  await mkdir(join(folder, 'loaders/arm64/deep'), { recursive: true });
  const kernel = join(folder, 'assets/flatcar/1/vmlinuz');
  await writeFile(kernel, 'kernel');
  await writeFile(join(folder, 'assets/flatcar/1/secret'), 'secret');
  await writeFile(join(folder, 'loaders/arm64/snponly.efi'), 'arm');
  const config = testConfig({ assets: { directory: join(folder, 'assets'), memory } });
  const firmware = openFirmwareFolder(() => join(folder, 'loaders'));
  firmware.refresh();
  const { find } = createTftpFiles({
    context: {
      network: NETWORK,
      config: () => config,
      identify: (mac) => identify(config, mac),
      checkFile: async () => {},
      fillArgs: () => [],
      findByUuid: () => undefined,
      machineAt: (address) => ADDRESSES.get(address),
      leasedAddress: () => undefined,
      tokens: testTokens(),
      now: () => 0,
    },
    firmware,
    serialOf: () => 'CZ 1234',
  });
  const get = async (file: string, address = '192.168.0.1') => {
    const bytes = await find(file, { address, port: 2070 });
    return bytes && Buffer.from(bytes).toString();
  };
  return { folder, kernel, firmware, find, get };
}

test('a machine gets the kernel and initrds of its own profile by TFTP, and no other asset', async (t) => {
  const { get } = await treeFor(t);
  t.is(await get('assets/flatcar/1/vmlinuz'), 'kernel');
  t.is(await get('assets/flatcar/1/initrd.gz'), undefined, 'which is not on disk');
  t.is(await get('assets/flatcar/1/secret'), undefined);
  for (const address of ['192.168.0.2', '192.168.0.3', '192.168.0.99']) {
    t.is(await get('assets/flatcar/1/vmlinuz', address), undefined, address);
  }
});

test('however many fetch a kernel by TFTP, it is in memory once; one that has changed is read anew', async (t) => {
  const { find, kernel } = await treeFor(t);
  const one = () => find('assets/flatcar/1/vmlinuz', { address: '192.168.0.1', port: 2070 });
  const [first, second] = await Promise.all([one(), one()]);
  t.is(first, second);
  t.is(await one(), first);
  t.true(first?.buffer instanceof SharedArrayBuffer);
  await writeFile(kernel, 'another kernel');
  t.is(Buffer.from((await one()) ?? []).toString(), 'another kernel');
});

test('a kernel larger than assets.memory is refused by TFTP with the way out', async (t) => {
  const { get } = await treeFor(t, 5);
  await t.throwsAsync(get('assets/flatcar/1/vmlinuz'), {
    message: 'assets/flatcar/1/vmlinuz is larger than assets.memory (5 bytes) and can only be had by HTTP',
  });
});

test('loaders may lie in a folder of the firmware folder, and nothing outside of it is served', async (t) => {
  const { get, firmware, folder } = await treeFor(t);
  t.true(firmware.has('arm64/snponly.efi'));
  t.false(firmware.has('arm64'));
  t.is(await get('arm64/snponly.efi'), 'arm');
  t.is(await get('arm64'), undefined);
  t.is(await get('arm64/snponly.efi/x'), undefined);
  t.is(await firmware.read('../assets/flatcar/1/secret'), undefined);
  await symlink(join(folder, 'assets/flatcar/1/vmlinuz'), join(folder, 'loaders/ipxe.efi'));
  firmware.refresh();
  t.true(firmware.has('ipxe.efi'), 'links count, as distributions make them');
  t.is(await get('ipxe.efi'), 'kernel');
});

test('a machine that boots from its disk, or may not boot, is told so in its loader’s words', async (t) => {
  const { get } = await treeFor(t);
  t.regex((await get('grub/grub.cfg', '192.168.0.2')) ?? '', /boots from its local disk'\nexit 1\n$/);
  t.regex((await get('pxelinux.cfg/default', '192.168.0.2')) ?? '', /LOCALBOOT -1\n$/);
  t.regex((await get('pxelinux.cfg/default', '192.168.0.3')) ?? '', /^MENU TITLE .* is waiting for approval/);
  t.regex((await get('52-54-00-00-00-99.ipxe', '192.168.0.3')) ?? '', /serial CZ 1234/);
});
