import { resolve } from 'node:path';
import { makeBackup } from '../backup/backup.ts';
import { filesOf } from '../backup/manifest.ts';
import { restoreBackup } from '../backup/restore.ts';
import type { StoreSummary } from '../store/inspect.ts';
import { version } from '../version.ts';
import type { Output } from './check.ts';

/** `rackseed backup FILE` */
export async function backupCommand(config: string, file: string, output: Output): Promise<void> {
  const { manifest, store, leftOut, size } = await makeBackup({ config, file, version, now: new Date() });
  for (const { path, why } of leftOut) output.write(`left out: ${path} (${why})\n`);
  output.write(
    `wrote ${file} (${size} bytes): ${filesOf(manifest).length} files, ${describe(store)}. It holds private keys: keep it as you keep those\n`,
  );
}

/** The options of `rackseed restore`. */
export interface RestoreCommandOptions {
  readonly root: string;
  readonly force?: boolean;
}

/** `rackseed restore FILE` */
export async function restoreCommand(
  file: string,
  { root, force = false }: RestoreCommandOptions,
  output: Output,
): Promise<void> {
  const report = await restoreBackup({ file, root: resolve(root), force, now: new Date() });
  for (const { path, before } of report.placed)
    output.write(`restored ${path}${before === undefined ? '' : `; the one before is ${before}`}\n`);
  for (const name of report.unknown) output.write(`this system has no ${name}: root has what was theirs\n`);
  output.write(
    `it is as it was on ${report.manifest.made}: ${describe(report.store)}. Now call "rackseed check", then "rackseed install" or "rackseed serve"\n`,
  );
}

function describe({ machines, leases, version: storeVersion }: StoreSummary): string {
  return `${machines} machines and ${leases} leases (store version ${storeVersion})`;
}
