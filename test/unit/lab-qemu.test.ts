import test from 'ava';
import { type Hardware, qemuArguments } from '../../src/lab/qemu.ts';

const hardware: Hardware = {
  name: 'worker-01',
  firmware: 'bios',
  accelerator: 'tcg',
  mac: '52:54:00:00:00:01',
  tap: 'vm1',
  memory: 1024,
  dataDisk: '/lab/worker-01.disk',
  console: '/lab/worker-01.console',
  consoleLog: '/lab/worker-01.log',
  report: '/lab/worker-01.report',
};
const ovmf = { code: '/OVMF/CODE.fd', variables: '/lab/worker-01.vars' };

/** The values given with an option that may be repeated. */
function valuesOf(argv: readonly string[], option: string): string[] {
  return argv.flatMap((argument, index) => (argument === option ? (argv[index + 1] ?? '') : []));
}

test('a BIOS machine starts from the network card with its own option ROM, which is iPXE', (t) => {
  const argv = qemuArguments(hardware);
  t.deepEqual(valuesOf(argv, '-device'), [
    'virtio-net-pci,netdev=network,mac=52:54:00:00:00:01,bootindex=1',
    'virtio-blk-pci,drive=data,serial=data',
    'virtio-rng-pci',
  ]);
  t.deepEqual(valuesOf(argv, '-drive'), [
    'if=none,id=data,format=raw,discard=unmap,file=/lab/worker-01.disk',
  ]);
  t.deepEqual(valuesOf(argv, '-netdev'), ['tap,id=network,ifname=vm1,script=no,downscript=no']);
  t.deepEqual(valuesOf(argv, '-machine'), ['q35,accel=tcg,graphics=off']);
  t.deepEqual(valuesOf(argv, '-serial'), ['chardev:console', 'chardev:report']);
});

test('a UEFI machine has OVMF and no option ROM, so that OVMF itself does PXE', (t) => {
  const argv = qemuArguments({ ...hardware, firmware: 'uefi', ovmf });
  t.deepEqual(valuesOf(argv, '-drive').slice(0, 2), [
    'if=pflash,unit=0,format=raw,readonly=on,file=/OVMF/CODE.fd',
    'if=pflash,unit=1,format=raw,file=/lab/worker-01.vars',
  ]);
  t.regex(valuesOf(argv, '-device')[0] ?? '', /,romfile=$/);
  t.deepEqual(valuesOf(argv, '-fw_cfg'), []);
});

test('for HTTP Boot PXE is switched off in OVMF', (t) => {
  const argv = qemuArguments({ ...hardware, firmware: 'uefi-http', ovmf });
  t.deepEqual(valuesOf(argv, '-fw_cfg'), [
    'name=opt/org.tianocore/IPv4PXESupport,string=n',
    'name=opt/org.tianocore/IPv6PXESupport,string=n',
  ]);
});

test('a UEFI machine without OVMF is refused', (t) => {
  t.throws(() => qemuArguments({ ...hardware, firmware: 'uefi' }), { instanceOf: RangeError });
});

test('kvm uses the processor as it is', (t) => {
  t.deepEqual(valuesOf(qemuArguments({ ...hardware, accelerator: 'kvm' }), '-cpu'), ['host']);
  t.deepEqual(valuesOf(qemuArguments(hardware), '-cpu'), []);
});

test('a comma in a path does not start another option', (t) => {
  const argv = qemuArguments({ ...hardware, dataDisk: '/a,b/disk' });
  t.true(valuesOf(argv, '-drive')[0]?.endsWith('file=/a,,b/disk'));
});

test('a machine keeps its SMBIOS UUID, made from its hardware address', (t) => {
  t.deepEqual(valuesOf(qemuArguments(hardware), '-uuid'), ['00000000-0000-4000-8000-525400000001']);
});
