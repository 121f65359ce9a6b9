import test from 'ava';
import { boot, filesystemOn, lastWords, stagesOf } from '../support/lab.ts';

test('a UEFI machine boots by PXE: OVMF gets iPXE by TFTP, then its own cloud-config', async (t) => {
  const { machines, packets } = await boot(t, 'uefi', 1);
  const [machine] = machines;
  if (!machine) return t.fail('the rack is empty');

  t.regex(packets, /PXEClient:Arch:00007/, 'the firmware asked for a PXE loader');
  t.notRegex(packets, /HTTPClient/);
  t.regex(packets, /RRQ "snponly\.efi" octet/, 'the loader came by TFTP');
  t.true(stagesOf(machine).includes('loader'));
  t.true(
    lastWords(machine).includes('worker-01: 2 files, /dev/vda ext4 on /var/lib/docker'),
    lastWords(machine),
  );
  const { TYPE, LABEL } = await filesystemOn(machine.dataDisk);
  t.deepEqual({ TYPE, LABEL }, { TYPE: 'ext4', LABEL: 'docker' });
});
