import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Contender, type Site, serverOf } from '../benchmark.ts';
import { dhcpOptions, dhcpRange, launchDnsmasq, tftpOptions } from './dnsmasq.ts';
import { launchNginx } from './nginx.ts';

/** What machines boot with dnsmasq and nginx: paths below the folder of files, and what the kernel is told. */
export interface StaticBoot {
  readonly kernel: string;
  readonly initrd: string;
  readonly args: string;
  /** The document that every machine gets. */
  readonly cloudConfig: string;
}

/** Where nginx notes every request: the time in seconds since the epoch, and the path. */
export const accessLog = ({ scratch }: Site): string => join(scratch, 'access.log');

/**
 * dnsmasq and nginx set up by hand for one kind of machine: the loader by TFTP, one script, one image and one document for all.
 * It spares iPXE the wait for a proxy, too. A report is answered with 204 and forgotten.
 */
export function dnsmasqNginx(boot: StaticBoot): Contender {
  return {
    name: 'dnsmasq + nginx',
    async start(site) {
      const { address, range, remote, files } = site;
      await writeFile(join(files, 'boot.ipxe'), scriptOf(boot, address));
      await writeFile(join(files, 'cloud-config.yaml'), boot.cloudConfig);
      const log = `${accessLog(site)} seconds`;
      const nginx = await launchNginx(site, 'location /phone-home/ { return 204; }', log);
      try {
        const dnsmasq = await launchDnsmasq(site, [
          ...dhcpOptions(site),
          dhcpRange(range, '255.255.0.0'),
          dhcpRange(remote.range, remote.netmask),
          ...tftpOptions(site),
          '--dhcp-userclass=set:ipxe,iPXE',
          '--dhcp-match=set:bios,option:client-arch,0',
          `--dhcp-boot=tag:bios,tag:!ipxe,undionly.kpxe,,${address}`,
          `--dhcp-boot=tag:!bios,tag:!ipxe,snponly.efi,,${address}`,
          `--dhcp-boot=tag:ipxe,http://${address}/assets/boot.ipxe`,
          '--dhcp-option-force=tag:ipxe,encap:175,176,1b',
        ]);
        return serverOf(dnsmasq, nginx);
      } catch (error) {
        await nginx.stop();
        throw error;
      }
    },
  };
}

function scriptOf({ kernel, initrd, args }: StaticBoot, address: string): string {
  const assets = `http://${address}/assets`;
  return `#!ipxe
kernel --name kernel ${assets}/${kernel} initrd=initrd.img cloud-config-url=${assets}/cloud-config.yaml ${args}
initrd --name initrd.img ${assets}/${initrd}
boot
`;
}
