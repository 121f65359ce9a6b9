import { type Benchmark, type Contender, type Goal, type Scenario, serverOf } from '../benchmark.ts';
import { fetchFiles } from '../clients/curl.ts';
import { perfdhcpLatency } from '../clients/perfdhcp.ts';
import { receivedBytes } from '../clients/received.ts';
import { wrk } from '../clients/wrk.ts';
import { nginx } from '../peers/nginx.ts';
import { launchRackseed, rackseed } from '../peers/rackseed.ts';
import { usageOf } from '../usage.ts';

/** About the size of Flatcar's initrd, bytes. */
const IMAGE = 300_000_000;
/** Bytes asked for at a time, from the middle of the image. */
const RANGE = 65_536;
const RANGE_CLIENTS = 16;
const DHCP_RATE = 200;
const DHCP_MACHINES = 10_000;

/** rackseed that may keep less in memory than one image needs. */
const frugal: Contender = {
  name: rackseed.name,
  start: async (site) =>
    serverOf(await launchRackseed(site, { top: { assets: { directory: site.files, memory: '256MiB' } } })),
};

/** An image that is in memory already, fetched again and again, as by a rack that boots. */
export const http: Benchmark = {
  name: 'http',
  summary: 'GB/s of 300 MB images by curl, parts of them by wrk, and DHCP meanwhile, against nginx',
  programs: new Map([
    ['curl', 'curl'],
    ['wrk', 'wrk'],
    ['nginx', 'nginx-light'],
    ['perfdhcp', 'kea-admin'],
  ]),
  settings: [
    {
      contenders: [rackseed, nginx],
      files: () => new Map([['image', IMAGE]]),
      scenarios: [
        download(1, ['image']),
        download(
          4,
          ['image'],
          [
            { metric: 'GB/s', value: 1, peer: nginx.name },
            { metric: 'CPU s/GB', value: 1.5, peer: nginx.name },
          ],
        ),
        download(64, ['image']),
        ranges(),
      ],
    },
    {
      contenders: [frugal, nginx],
      files: () => new Map(['image-1', 'image-2'].map((name) => [name, IMAGE])),
      scenarios: [download(4, ['image-1', 'image-2'])],
    },
    {
      contenders: [rackseed],
      files: () => new Map([['image', IMAGE]]),
      scenarios: [dhcpMeanwhile()],
    },
  ],
};

/** Whole files, by so many clients of each image as make `clients` in all. */
function download(clients: number, images: readonly string[], goals: readonly Goal[] = []): Scenario {
  const who = clients === 1 ? 'one client' : `${clients} clients at once`;
  const what = images.length === 1 ? 'a 300 MB image' : 'two 300 MB images with memory for 256 MiB';
  return {
    title: `HTTP, ${who}, ${what}`,
    metrics: [
      { name: 'GB/s', digits: 2 },
      { name: 'CPU s/GB', digits: 2, better: 'less' },
      { name: 'resident MB', digits: 0, better: 'less' },
    ],
    goals,
    async measure({ clients: from, address, server, quick, signal }) {
      const fetches = images.map((name) => ({ url: `http://${address}/assets/${name}`, size: IMAGE }));
      // The first brings it into memory.
      for (const image of fetches) await fetchFiles(from, { ...image, clients: 1, files: 1 }, signal);
      const before = usageOf(server).cpuSeconds;
      const files = Math.ceil((quick ? 20 : 60) / Math.max(clients, 4));
      const fetched = await Promise.all(
        fetches.map((image) =>
          fetchFiles(from, { ...image, clients: clients / images.length, files }, signal),
        ),
      );
      const after = usageOf(server);
      const gigabytes = fetched.reduce((sum, { bytes }) => sum + bytes, 0) / 1e9;
      const seconds = Math.max(...fetched.map((each) => each.seconds));
      return [gigabytes / seconds, (after.cpuSeconds - before) / gigabytes, after.residentBytes / 1e6];
    },
  };
}

function ranges(): Scenario {
  return {
    title: `HTTP, ${RANGE_CLIENTS} clients at once, 64 KiB of a 300 MB image (Range)`,
    metrics: [
      { name: 'requests/s', digits: 0 },
      { name: 'CPU s/GB', digits: 2, better: 'less' },
    ],
    async measure({ clients, address, server, quick, signal }) {
      const first = IMAGE / 2;
      const load = {
        url: `http://${address}/assets/image`,
        headers: [`Range: bytes=${first}-${first + RANGE - 1}`],
        connections: RANGE_CLIENTS,
        seconds: quick ? 2 : 5,
      };
      const before = usageOf(server).cpuSeconds;
      const rate = await wrk(clients, load, signal);
      const gigabytes = (rate * load.seconds * RANGE) / 1e9;
      return [rate, (usageOf(server).cpuSeconds - before) / gigabytes];
    },
  };
}

/** Images go out as fast as they can while machines ask for addresses. */
function dhcpMeanwhile(): Scenario {
  return {
    title: `DHCP at ${DHCP_RATE}/s while four clients pull a 300 MB image`,
    metrics: [
      { name: 'p99 ms', digits: 2, better: 'less' },
      { name: 'p50 ms', digits: 2, better: 'less' },
      { name: 'GB/s', digits: 2 },
    ],
    goals: [{ metric: 'p99 ms', value: 20 }],
    async measure({ clients, address, quick, signal }) {
      const image = { url: `http://${address}/assets/image`, size: IMAGE };
      await fetchFiles(clients, { ...image, clients: 1, files: 1 }, signal);
      const seconds = quick ? 2 : 10;
      const enough = new AbortController();
      const stop = AbortSignal.any([signal, enough.signal]);
      // More than can be fetched meanwhile; the rest is called off.
      const pulling = fetchFiles(clients, { ...image, clients: 4, files: 20 * seconds }, stop).catch(
        (error) => {
          if (!stop.aborted) throw error;
        },
      );
      const [began, before] = [performance.now(), await receivedBytes(clients)];
      const load = { rate: DHCP_RATE, seconds, clients: DHCP_MACHINES };
      const latency = await perfdhcpLatency(clients, address, load, signal);
      const received = (await receivedBytes(clients)) - before;
      const elapsed = (performance.now() - began) / 1000;
      enough.abort();
      await pulling;
      return [latency.p99, latency.median, received / 1e9 / elapsed];
    },
  };
}
