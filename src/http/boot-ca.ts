import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ca, createCa, pairCa, renewCa } from '../kubernetes/ca.ts';
import { readCaFiles } from '../kubernetes/ca-files.ts';

const YEAR = 365 * 24 * 3600;
/** Seconds. */
const LIFETIME = 10 * YEAR;
/** Renewed when it ends within this, milliseconds: longer than any certificate that it issues is good for. */
const RENEWED_BEFORE = YEAR * 1000;

/**
 * From when certificates for booting machines are valid. A machine whose clock has no battery is years behind; since it
 * knows this one CA only, nothing is won by refusing it.
 */
export const ALWAYS_BEFORE = new Date('2000-01-01T00:00:00Z');

/**
 * The CA by which machines know this server when they fetch their keys: `ca.crt` and `ca.key` in `directory`, made when
 * they aren't there, and renewed a year before the certificate ends, with the same key. `now` is the time, milliseconds.
 * Throws an Error that says what to do when the files can't be used.
 */
export async function openBootCa(directory: string, now: number): Promise<Ca> {
  const paths = { certificate: join(directory, 'ca.crt'), key: join(directory, 'ca.key') };
  try {
    const files = (await exists(paths.certificate)) && (await readCaFiles(paths));
    if (!files) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const made = await createCa(
        { commonName: 'rackseed boot', keyType: 'ecdsa', lifetime: LIFETIME, notBefore: ALWAYS_BEFORE },
        now,
      );
      // The certificate last: without it, both are made again.
      await writeWhole(paths.key, made.keyPem, 0o600);
      await writeWhole(paths.certificate, made.certificatePem, 0o644);
      return openBootCa(directory, now);
    }
    const ca = pairCa(files.certificate, files.key);
    if (Date.parse(ca.certificate.validTo) - now > RENEWED_BEFORE) return ca;
    await writeWhole(paths.certificate, await renewCa(ca, LIFETIME, now, ALWAYS_BEFORE), 0o644);
    return openBootCa(directory, now);
  } catch (error) {
    throw new Error(
      `the CA in ${directory}, by which machines know this server, can't be used: ${(error as Error).message}. ` +
        'Without that folder a new one is made; machines that are booting then have to boot again',
    );
  }
}

async function exists(path: string): Promise<boolean> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  await file?.close();
  return file !== undefined;
}

/** Puts a file in place, complete or not at all. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const unfinished = `${path}.new`;
  const file = await open(unfinished, 'w', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
}
