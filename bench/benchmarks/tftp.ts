import { fileURLToPath } from 'node:url';
import { start } from '../../src/lab/process.ts';
import type { Benchmark, Goal, Metric, Scenario } from '../benchmark.ts';
import { fetchInWindows } from '../clients/atftp.ts';
import { fetchByCrowd, fetchFiles } from '../clients/curl.ts';
import { dnsmasqTftp } from '../peers/dnsmasq.ts';
import { rackseed } from '../peers/rackseed.ts';
import { tftpdHpa } from '../peers/tftpd-hpa.ts';
import { CLIENTS } from '../rig.ts';

const MIB = 1024 * 1024;
const SMALL = { name: 'small', mib: 1 };
const LARGE = { name: 'large', mib: 64 };
const CROWD = 200;
/** Of each packet, in each direction, milliseconds. */
const DELAY = 1;
const speed: Metric = { name: 'MB/s', digits: 1 };
const SLOW_LINK = fileURLToPath(new URL('../machines/slow-link.ts', import.meta.url));

/** A file by TFTP, as boot ROMs ask for it: one block after the other, each acknowledged; and in windows, as newer ones do. */
export const tftp: Benchmark = {
  name: 'tftp',
  summary: 'MB/s of one client and of 200, with and without windows and delay, against tftpd-hpa and dnsmasq',
  programs: new Map([
    ['curl', 'curl'],
    ['atftp', 'atftp'],
    ['in.tftpd', 'tftpd-hpa'],
    ['dnsmasq', 'dnsmasq-base'],
  ]),
  note: `curl fetches without windows, atftp with them: tftp-hpa's client knows none. A server that knows no windows sends
block by block. There is no CPU time: tftpd-hpa's children end without anybody taking note of theirs.
The link with a delay is a forwarder in user space, which is slow itself; it stands between the client and each server alike.`,
  settings: [
    {
      contenders: [rackseed, tftpdHpa, dnsmasqTftp],
      files: (quick) =>
        new Map([['ready', 1], ...[SMALL, LARGE].map((file) => [file.name, sizeOf(file, quick)] as const)]),
      scenarios: [
        download(LARGE, 1468, [{ metric: 'MB/s', value: 1, peer: tftpdHpa.name }]),
        download(LARGE, 512),
        download(SMALL, 1468),
        download(SMALL, 512),
        inWindows(1468, 16, [{ metric: 'MB/s', value: 4, peer: tftpdHpa.name }]),
        inWindows(1468, 64),
        inWindows(512, 16),
        byCrowd(1468, [
          { metric: 'MB/s', value: 1, peer: dnsmasqTftp.name },
          { metric: 'complete', value: CROWD },
        ]),
        byCrowd(512),
        withDelay(1),
        withDelay(16),
      ],
    },
  ],
};

type File = typeof LARGE;

/** A quick run takes a quarter of the large file. */
function sizeOf({ mib }: File, quick: boolean): number {
  return (quick && mib > 1 ? mib / 4 : mib) * MIB;
}

/** One client without windows, the small file several times in a row. */
function download(file: File, blksize: number, goals: readonly Goal[] = []): Scenario {
  return {
    title: `TFTP, one client, ${file.mib} MiB, blksize ${blksize}`,
    metrics: [speed],
    goals,
    async measure({ clients, address, quick, signal }) {
      const url = `tftp://${address}/${file.name}`;
      const options = ['--tftp-blksize', `${blksize}`];
      const files = file === SMALL ? 10 : 1;
      const fetch = { url, size: sizeOf(file, quick), clients: 1, files, options };
      const { bytes, seconds } = await fetchFiles(clients, fetch, signal);
      return [bytes / 1e6 / seconds];
    },
  };
}

/** One client that asks for windows. */
function inWindows(blksize: number, windowsize: number, goals: readonly Goal[] = []): Scenario {
  return {
    title: `TFTP, one client, ${LARGE.mib} MiB, blksize ${blksize}, windowsize ${windowsize}`,
    metrics: [speed],
    goals,
    async measure({ clients, address, quick, signal }) {
      const fetch = { server: address, file: LARGE.name, blksize, windowsize };
      return [sizeOf(LARGE, quick) / 1e6 / (await fetchInWindows(clients, fetch, signal))];
    },
  };
}

/** Many clients, each with an address of its own. */
function byCrowd(blksize: number, goals: readonly Goal[] = []): Scenario {
  return {
    title: `TFTP, ${CROWD} clients at once, ${SMALL.mib} MiB each, blksize ${blksize}`,
    metrics: [speed, { name: 'complete', digits: 0 }],
    goals,
    async measure({ clients, address, quick, signal }) {
      const addresses = Array.from({ length: CROWD }, (_, index) => `10.78.1.${index + 1}`);
      const size = sizeOf(SMALL, quick);
      const options = [`tftp-blksize = ${blksize}`];
      const fetch = { url: `tftp://${address}/${SMALL.name}`, size, addresses, options };
      const { complete, seconds } = await fetchByCrowd(clients, fetch, signal);
      return [(complete * size) / 1e6 / seconds, complete];
    },
  };
}

/** One client far away. */
function withDelay(windowsize: number): Scenario {
  return {
    title: `TFTP, one client ${DELAY} ms away, ${SMALL.mib} MiB, blksize 1468, windowsize ${windowsize}`,
    metrics: [{ name: 'MB/s', digits: 2 }],
    async measure({ clients, address, signal }) {
      const node = [process.execPath, ...process.execArgv, SLOW_LINK];
      const link = await start(clients.command([...node, CLIENTS, address, `${DELAY}`]));
      try {
        await link.waitFor(/ready/);
        const fetch = { server: CLIENTS, file: SMALL.name, blksize: 1468, windowsize };
        return [MIB / 1e6 / (await fetchInWindows(clients, fetch, signal))];
      } finally {
        await link.stop();
      }
    },
  };
}
