import { readFile, stat } from 'node:fs/promises';
import { type Ca, checkDates, type NamedText, openCa, pairCa } from './ca.ts';

/** Where a CA lies: kubeadm's are /etc/kubernetes/pki/ca.crt and ca.key. */
export interface CaPaths {
  readonly certificate: string;
  readonly key: string;
}

/** Reads a CA from its two files, at `now` (milliseconds). Throws an Error that names the file and what to do. */
export async function readCa(paths: CaPaths, now: number): Promise<Ca> {
  const { certificate, key } = await readCaFiles(paths);
  return openCa(certificate, key, now);
}

/** The texts of a CA's two files. Throws an Error when one can't be read, or others than its owner may read the key. */
export async function readCaFiles(
  paths: CaPaths,
): Promise<{ readonly certificate: NamedText; readonly key: NamedText }> {
  const [certificate, key] = await Promise.all([readCaFile(paths.certificate), readKeyFile(paths.key)]);
  return { certificate, key };
}

/** The text of a CA's certificate file. Throws an Error when it can't be read. */
export async function readCaFile(path: string): Promise<NamedText> {
  try {
    return { path, text: await readFile(path, 'utf8') };
  } catch (error) {
    throw new Error(
      `${path} can't be read (${(error as NodeJS.ErrnoException).code}): make the cluster first ("kubeadm init"), ` +
        'or a CA for it ("rackseed pki init")',
    );
  }
}

async function readKeyFile(path: string): Promise<NamedText> {
  const mode = await stat(path).then(
    (found) => found.mode & 0o777,
    () => 0,
  );
  if (mode & 0o077) {
    const octal = mode.toString(8).padStart(4, '0');
    throw new Error(
      `${path} holds the CA's private key, but others may read it (mode ${octal}): chmod 600 ${path}`,
    );
  }
  return readCaFile(path);
}

/** For so long, in milliseconds, a CA's files aren't looked at again: a rack asks for a thousand certificates at once. */
const LOOK_AGAIN = 1_000;

/** Gives a CA, read again a second after its files have changed at the latest. */
export function createCaSource(paths: CaPaths): (now: number) => Promise<Ca> {
  let version: string | undefined;
  let reading: Promise<Ca> | undefined;
  let looked = Number.NEGATIVE_INFINITY;
  return async (now) => {
    const isRecent = now >= looked && now - looked < LOOK_AGAIN;
    const found = isRecent ? version : await versionOf(paths);
    if (!isRecent) looked = now;
    if (!reading || found !== version) {
      version = found;
      reading = readCaFiles(paths).then((files) => pairCa(files.certificate, files.key));
      // The caller hears of a failure; the next call tries again.
      reading.catch(() => {
        version = undefined;
        looked = Number.NEGATIVE_INFINITY;
      });
    }
    const ca = await reading;
    checkDates(ca, paths.certificate, now);
    return ca;
  };
}

async function versionOf({ certificate, key }: CaPaths): Promise<string> {
  const stats = await Promise.all([certificate, key].map((path) => stat(path).catch(() => undefined)));
  return stats.map((found) => `${found?.ino} ${found?.mtimeMs} ${found?.mode}`).join();
}
