import test, { type ExecutionContext } from 'ava';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { boot, lastWords, stagesOf, type WatchedBoot } from '../support/lab.ts';
import { OTHER_DHCP } from '../support/other-dhcp.ts';

const AT_WORK = 'worker-01: 2 files, /dev/vda ext4 on /var/lib/docker';

/** What is the same for every machine that has booted by proxy: its address, its stages, and that it is up. */
function checkBoot(t: ExecutionContext, { machines }: WatchedBoot) {
  const [machine] = machines;
  if (!machine) return t.fail('the rack is empty');
  const address = parseIpv4(machine.progress.address ?? '') ?? 0;
  const [first = 0, last = 0] = [parseIpv4(OTHER_DHCP.first), parseIpv4(OTHER_DHCP.last)];
  t.true(first <= address && address <= last, `${machine.progress.address} is of the other server`);
  for (const stage of ['discover', 'offer', 'ack', 'script', 'kernel', 'initrd', 'document', 'up']) {
    t.true(stagesOf(machine).includes(stage), `${stage} in ${stagesOf(machine).join(', ')}`);
  }
  t.true(lastWords(machine).includes(AT_WORK), lastWords(machine));
}

test.serial("beside dnsmasq, QEMU's iPXE ROM takes its script from the proxy", async (t) => {
  const watched = await boot(t, 'bios', 1, 'dnsmasq');
  checkBoot(t, watched);
  t.notRegex(watched.packets, /\.4011:/, 'the offer says it all');
});

test.serial('beside dnsmasq, OVMF asks the boot server on port 4011 and gets iPXE by TFTP', async (t) => {
  const watched = await boot(t, 'uefi', 1, 'dnsmasq');
  checkBoot(t, watched);
  t.regex(watched.packets, /192\.168\.0\.254\.4011: /, 'it asked the boot server');
  t.regex(watched.packets, /RRQ "snponly\.efi" octet/);
  t.true(stagesOf(watched.machines[0] as (typeof watched.machines)[number]).includes('loader'));
});

test.serial('beside Kea, OVMF boots by HTTP Boot with the URL of the proxy', async (t) => {
  const watched = await boot(t, 'uefi-http', 1, 'kea');
  checkBoot(t, watched);
  t.regex(watched.packets, /HTTPClient:Arch:00016/);
  t.notRegex(watched.packets, /RRQ/, 'nobody asked for anything by TFTP');
});
