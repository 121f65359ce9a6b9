import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from '../../src/lab/lock.ts';
import { run, runChecked } from './process.ts';

const CACHE = fileURLToPath(new URL('../../.cache/tools/debian', import.meta.url));

/** Where a package comes from. */
export interface Origin {
  /** Codename of a Debian release: `trixie`. */
  readonly suite: string;
  /** Debian's name of a processor: `arm64`. */
  readonly architecture: string;
}

/**
 * The folder with a package of another release or architecture than this host's, unpacked and never installed. It is
 * downloaded once, from the mirror that this host's apt uses and checked by its signature. A package that only stands for
 * another (`linux-image-cloud-arm64`) gives the other.
 * @throws an Error that names the package when it can't be had
 */
export async function debianPackage(name: string, { suite, architecture }: Origin): Promise<string> {
  const folder = join(CACHE, `${suite}-${architecture}`);
  const unpacked = join(folder, name);
  await mkdir(folder, { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (await exists(unpacked)) return;
    const work = await mkdtemp(join(folder, '.new-'));
    try {
      await rename(await unpack(name, work, { suite, architecture }), unpacked);
    } catch (error) {
      const why = (error as Error).message;
      throw new Error(`Debian's package ${name} (${suite}, ${architecture}) can't be downloaded: ${why}`);
    } finally {
      await rm(work, { recursive: true });
    }
  });
  return unpacked;
}

/** Downloads and unpacks a package below `work`, with an apt that has its own sources and state there. */
async function unpack(name: string, work: string, { suite, architecture }: Origin): Promise<string> {
  const at = (path: string) => join(work, path);
  for (const path of ['lists/partial', 'archives/partial', 'parts', 'package']) {
    await mkdir(at(path), { recursive: true });
  }
  await writeFile(
    at('sources.list'),
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${await mirror()} ${suite} main\n`,
  );
  await writeFile(at('status'), '');
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Dir::State': work,
    'Dir::State::status': at('status'),
    'Dir::Cache': work,
    'Dir::Etc::SourceList': at('sources.list'),
    'Dir::Etc::SourceParts': at('parts'),
  };
  const file = at('apt.conf');
  await writeFile(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key} "${value}";\n`)
      .join(''),
  );
  const env = { APT_CONFIG: file };
  await runChecked(['apt-get', '-q', 'update'], { env });
  const { stdout } = await run(['apt-cache', 'depends', name], { env });
  const kernel = /Depends: (linux-image-\d\S*)/.exec(stdout)?.[1];
  await runChecked(['apt-get', '-q', 'download', kernel ?? name], { env, cwd: at('package') });
  const [deb = ''] = await readdir(at('package'));
  await runChecked(['dpkg-deb', '-x', at(`package/${deb}`), at('root')]);
  return at('root');
}

/** The URL of the mirror that apt uses for Debian itself, not for its updates. */
async function mirror(): Promise<string> {
  const list = await runChecked(['apt-get', 'indextargets', '--format', '$(SITE)', 'Label: Debian']);
  const [site] = list.split('\n').filter(Boolean);
  if (site === undefined) throw new Error("this host's apt knows no mirror of Debian");
  return site;
}

/** The codename of this host's release: `bookworm`. */
export async function ownSuite(): Promise<string> {
  const name = (await runChecked(['sh', '-c', '. /etc/os-release && echo "$VERSION_CODENAME"'])).trim();
  if (name === '') throw new Error('/etc/os-release names no release (VERSION_CODENAME)');
  return name;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
