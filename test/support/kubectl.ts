import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REAL_BINARIES } from './cluster.ts';
import { run, runChecked } from './process.ts';

const CACHE = fileURLToPath(new URL('../../.cache/tools', import.meta.url));

/** Several test processes may want it at once: the first does the work. The folder appears when it is complete. */
const UNPACK = `set -e
[ ! -e kubectl ] || exit 0
rm -rf kubectl.new kubectl.package
mkdir kubectl.new kubectl.package
(cd kubectl.package && apt-get -q download kubernetes-client)
dpkg-deb -x kubectl.package/*.deb kubectl.new
rm -r kubectl.package
mv kubectl.new kubectl`;

/** A real kubectl: the one beside the API server of the tests, this host's, or the distribution's, unpacked. */
export async function kubectl(): Promise<string> {
  if (REAL_BINARIES) return join(REAL_BINARIES, 'kubectl');
  const installed = await run(['sh', '-c', 'command -v kubectl']);
  if (installed.code === 0) return installed.stdout.trim();
  const unpacked = join(CACHE, 'kubectl/usr/bin/kubectl');
  if (!existsSync(unpacked)) {
    await mkdir(CACHE, { recursive: true });
    await runChecked(['flock', 'kubectl.lock', 'sh', '-c', UNPACK], { cwd: CACHE });
  }
  return unpacked;
}
