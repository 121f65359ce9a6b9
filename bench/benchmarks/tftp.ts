import type { Benchmark, Scenario } from '../benchmark.ts';
import { fetchFiles } from '../clients/curl.ts';
import { dnsmasqTftp } from '../peers/dnsmasq.ts';
import { rackseed } from '../peers/rackseed.ts';
import { tftpdHpa } from '../peers/tftpd-hpa.ts';

const MIB = 1024 * 1024;

/** Files in MiB; a quick run takes a quarter of each. */
const LARGE = { name: 'large', mib: 64 };
const SMALL = { name: 'small', mib: 8 };

/** A file by TFTP, without windows, as boot ROMs ask for it: one block after the other, each acknowledged. */
export const tftp: Benchmark = {
  name: 'tftp',
  summary: 'MB/s by curl at blksize 1468 and 512, one client and 20, against tftpd-hpa and dnsmasq',
  contenders: [rackseed, tftpdHpa, dnsmasqTftp],
  goals: new Map([
    [tftpdHpa.name, 1],
    [dnsmasqTftp.name, 1],
  ]),
  programs: new Map([
    ['curl', 'curl'],
    ['in.tftpd', 'tftpd-hpa'],
    ['dnsmasq', 'dnsmasq-base'],
  ]),
  files: (quick) =>
    new Map([['ready', 1], ...[LARGE, SMALL].map((file) => [file.name, sizeOf(file, quick)] as const)]),
  scenarios: [
    download({ file: LARGE, clients: 1, blksize: 1468 }),
    download({ file: SMALL, clients: 20, blksize: 1468 }),
    download({ file: LARGE, clients: 1, blksize: 512 }),
  ],
};

type File = typeof LARGE;

function sizeOf({ mib }: File, quick: boolean): number {
  return (quick ? mib / 4 : mib) * MIB;
}

function download({ file, clients, blksize }: { file: File; clients: number; blksize: number }): Scenario {
  return {
    title: `TFTP, ${clients === 1 ? 'one client' : `${clients} clients at once`}, blksize ${blksize}`,
    // No CPU time: tftpd-hpa's children end without anybody taking note of theirs.
    metrics: [{ name: 'MB/s', digits: 1 }],
    async measure({ clients: from, address, quick, signal }) {
      const url = `tftp://${address}/${file.name}`;
      const options = ['--tftp-blksize', `${blksize}`];
      const fetch = { url, size: sizeOf(file, quick), clients, files: 1, options };
      const { bytes, seconds } = await fetchFiles(from, fetch, signal);
      return [bytes / 1e6 / seconds];
    },
  };
}
