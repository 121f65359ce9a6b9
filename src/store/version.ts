import type { RootDatabase } from 'lmdb';

/**
 * A step from one version of the store to the next. It is synchronous and part of a transaction: a crash leaves the store as it
 * was before.
 */
export type Migration = (root: RootDatabase) => void;

/** The steps from version 1 on: the first makes version 2 of version 1. */
export const MIGRATIONS: readonly Migration[] = [
  // Nothing is different in what there is. But the newest leases are in a log, which version 1 knows nothing of.
  () => {},
];

/** The version that a store has after these steps. */
export function versionAfter(migrations: readonly Migration[]): number {
  return 1 + migrations.length;
}

/** The version of an open store. One that doesn't say is empty, or from before stores did: both are version 1. */
export function storeVersion(root: RootDatabase): number {
  return versions(root)?.get('version') ?? 1;
}

/**
 * Brings an open store to the newest version, in one transaction. Throws an Error that says what to do when it is newer than that;
 * nothing has been changed then.
 */
export function migrateStore(root: RootDatabase, migrations: readonly Migration[]): void {
  const known = versionAfter(migrations);
  const found = storeVersion(root);
  if (found > known) throw new Error(explainNewer(found, known));
  const meta = versions(root);
  if (meta?.get('version') === known) return;
  root.transactionSync(() => {
    for (const migrate of migrations.slice(found - 1)) migrate(root);
    meta?.putSync('version', known);
  });
}

/** What is said of a store that a later rackseed has written. */
export function explainNewer(found: number, known: number): string {
  return `a later rackseed has written it (its version is ${found}, and this one knows up to ${known}): install that rackseed again, or restore a backup from before its upgrade ("rackseed restore")`;
}

/** Where the version stands; undefined in a store that is open for reading only and has none. */
function versions(root: RootDatabase) {
  return root.openDB<number, string>({ name: 'meta' }) as
    | ReturnType<typeof root.openDB<number, string>>
    | undefined;
}
