import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { RACKSEED } from '../support/config.ts';
import { startFor } from '../support/process.ts';
import { PROGRAM } from '../support/program.ts';
import { INITRD, makeSite, signBytes } from '../support/releases.ts';

const MIB = 1024 * 1024;
const SIZE = 500 * MIB;
/** What Node.js, the compiler of the tests and this program take, and some: less than the image. */
const MEMORY = 320 * MIB;

test('an image of 500 MiB is pulled with little memory, and how far it is can be read', async (t) => {
  const site = await makeSite(t);
  await site.publishFlatcar('4593.2.5');
  const chunk = Buffer.alloc(MIB, 'rackseed');
  const hash = createHash('sha512');
  for (let done = 0; done < SIZE; done += MIB) hash.update(chunk);
  const path = `/stable/amd64-usr/4593.2.5/${INITRD}`;
  const digests = Buffer.from(`# SHA512 HASH\n${hash.digest('hex')}  ${INITRD}\n`);
  site.server.publish(`${path}.DIGESTS`, digests);
  site.server.publish(`${path}.DIGESTS.sig`, await signBytes(site.key, digests));
  site.server.misbehave((request, response) => {
    if (request.url !== path) return false;
    response.writeHead(200, { 'content-length': SIZE });
    let left = SIZE;
    const more = () => {
      while (left > 0) {
        left -= MIB;
        if (!response.write(chunk)) break;
      }
      if (left === 0) response.end();
    };
    response.on('drain', more);
    more();
    return true;
  });
  const config = join(site.folder, 'config');
  await mkdir(join(config, 'profiles'), { recursive: true });
  await mkdir(join(config, 'keys'));
  await writeFile(join(config, 'keys/flatcar.asc'), site.key.publicKey.armor());
  await writeFile(join(config, 'profiles/worker.yaml'), 'boot: { image: flatcar/4593.2.5 }\n');
  await writeFile(
    join(config, 'rackseed.yaml'),
    `${RACKSEED}assets: { directory: ../assets }\nimages:\n  keys: { flatcar: [${site.key.fingerprint}] }\n  mirrors: { flatcar: "${site.server.url}/{channel}" }\n`,
  );
  const argv = [...PROGRAM, 'images', 'pull', 'flatcar', '--config', config];
  const child = await startFor(t, argv);
  await child.waitFor(
    /flatcar\/4593\.2\.5\/flatcar_production_pxe_image\.cpio\.gz: complete, 524 MB/,
    120_000,
  );
  const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  t.log(`${Math.round(Number(peak) / 1024)} MiB at most`);
  t.true(Number(peak) * 1024 < MEMORY, `${peak} kB`);
  await child.waitFor(/flatcar\/4593\.2\.5 is here, signed by [0-9A-F]{40}\./, 120_000);
});
