import test from 'ava';
import { boot, filesystemOn, lastWords, stagesOf } from '../support/lab.ts';

test('a UEFI machine boots by HTTP Boot: OVMF gets iPXE by HTTP, without TFTP', async (t) => {
  const { machines, packets } = await boot(t, 'uefi-http', 1);
  const [machine] = machines;
  if (!machine) return t.fail('the rack is empty');

  t.regex(packets, /HTTPClient:Arch:00016/, 'the firmware asked for an HTTP loader');
  t.notRegex(packets, /RRQ/, 'nobody asked for anything by TFTP');
  t.true(stagesOf(machine).includes('loader'));
  t.true(
    lastWords(machine).includes('worker-01: 2 files, /dev/vda ext4 on /var/lib/docker'),
    lastWords(machine),
  );
  const { TYPE, LABEL } = await filesystemOn(machine.dataDisk);
  t.deepEqual({ TYPE, LABEL }, { TYPE: 'ext4', LABEL: 'docker' });
});
