import { readFile } from 'node:fs/promises';
import test from 'ava';
import { boot, filesystemOn, lastWords, stagesOf } from '../support/lab.ts';

test("two BIOS machines with QEMU's iPXE ROM boot at once, each with its own cloud-config", async (t) => {
  const { machines, packets } = await boot(t, 'bios', 2);

  t.regex(packets, /PXEClient:Arch:00000/, 'the firmware asked as a BIOS machine');
  t.deepEqual(
    machines.map(({ name }) => name),
    ['worker-01', 'worker-02'],
  );
  t.is(new Set(machines.map(({ progress }) => progress.address)).size, 2, 'each has an address of its own');
  for (const machine of machines) {
    t.deepEqual(
      stagesOf(machine).filter((stage) => ['script', 'kernel', 'initrd', 'document', 'up'].includes(stage)),
      ['script', 'kernel', 'initrd', 'document', 'up'],
    );
    const after = (name: string) => machine.progress.stages.find(({ stage }) => stage === name)?.after ?? NaN;
    t.true(after('script') - after('ack') < 8000, 'iPXE was spared its 16 s wait for an IPv6 router');
    t.true(
      lastWords(machine).includes(`${machine.name}: 2 files, /dev/vda ext4 on /var/lib/docker`),
      lastWords(machine),
    );
    const { TYPE, LABEL } = await filesystemOn(machine.dataDisk);
    t.deepEqual({ TYPE, LABEL }, { TYPE: 'ext4', LABEL: 'docker' });
    const console = await readFile(machine.consoleLog, 'utf8');
    t.regex(console, new RegExp(`lab: hostname {2}${machine.name}\\r?\\n`));
    t.regex(console, /lab: file {6}\/etc\/rackseed\/machine \d+ bytes, mode 0600/);
  }
});
