import type { Benchmark, Scenario } from '../benchmark.ts';
import { fetchFiles } from '../clients/curl.ts';
import { nginx } from '../peers/nginx.ts';
import { rackseed } from '../peers/rackseed.ts';
import { usageOf } from '../usage.ts';

/** About the size of Flatcar's initrd, bytes. */
const IMAGE = 300_000_000;

/** An image that is in memory already, fetched whole again and again, as by a rack that boots. */
export const http: Benchmark = {
  name: 'http',
  summary: 'GB/s of a 300 MB image by curl, one client and four, against nginx',
  contenders: [rackseed, nginx],
  goals: new Map([[nginx.name, 1]]),
  programs: new Map([
    ['curl', 'curl'],
    ['nginx', 'nginx-light'],
  ]),
  files: () => new Map([['image', IMAGE]]),
  scenarios: [download(1), download(4)],
};

function download(clients: number): Scenario {
  return {
    title: `HTTP, ${clients === 1 ? 'one client' : `${clients} clients at once`}, a 300 MB image`,
    metrics: [
      { name: 'GB/s', digits: 2 },
      { name: 'CPU s/GB', digits: 2 },
      { name: 'resident MB', digits: 0 },
    ],
    async measure({ clients: from, address, pid, quick, signal }) {
      const image = { url: `http://${address}/assets/image`, size: IMAGE };
      // The first brings it into memory.
      await fetchFiles(from, { ...image, clients: 1, files: 1 }, signal);
      const before = usageOf(pid).cpuSeconds;
      const { bytes, seconds } = await fetchFiles(from, { ...image, clients, files: quick ? 5 : 15 }, signal);
      const after = usageOf(pid);
      const gigabytes = bytes / 1e9;
      return [gigabytes / seconds, (after.cpuSeconds - before) / gigabytes, after.residentBytes / 1e6];
    },
  };
}
