import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { run, runChecked } from './process.ts';

/** A file system of its own, for the length of a test. */
export interface Mount {
  readonly directory: string;
  /** Takes it away and puts a copy of it in its place, as it was when it was written to last. */
  replace(): Promise<void>;
}

/** A small file system in memory; a new one is empty. */
export function smallDisk(t: ExecutionContext, mebibytes: number): Promise<Mount> {
  return mountFor(t, async () => ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'none']);
}

/** A small ext4 file system in a file. */
export async function ext4Disk(t: ExecutionContext, mebibytes: number): Promise<Mount> {
  let image = '';
  return mountFor(t, async (scratch) => {
    const next = join(scratch, `image-${image.length}`);
    if (image === '') {
      await runChecked(['truncate', '-s', `${mebibytes}M`, next]);
      await runChecked(['mkfs.ext4', '-q', next]);
    } else {
      // The kernel keeps a broken one as long as anybody's mount namespace has it.
      await copyFile(image, next);
    }
    image = next;
    return ['-o', 'loop', image];
  });
}

async function mountFor(
  t: ExecutionContext,
  prepare: (scratch: string) => Promise<readonly string[]>,
): Promise<Mount> {
  const scratch = await mkdtemp(join(tmpdir(), 'rackseed-test-'));
  t.teardown(() => rm(scratch, { recursive: true, force: true }));
  const directory = await mkdtemp(join(scratch, 'mount-'));
  const mount = async () => void (await runChecked(['mount', ...(await prepare(scratch)), directory]));
  // Lazily, so that a service that still has it open doesn't keep it in place.
  const unmount = async () => void (await run(['umount', '--lazy', directory]));
  await mount();
  t.teardown(unmount);
  return {
    directory,
    async replace() {
      await unmount();
      await mount();
    },
  };
}
