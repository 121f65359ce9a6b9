import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readAdminSettings } from '../../src/config/admin-address.ts';
import { folderFor } from '../support/openssl.ts';

test('commands reach the service where it listens, or beside its store when it listens for others', async (t) => {
  const folder = await folderFor(t);
  const localOf = async (text: string) => {
    await writeFile(join(folder, 'rackseed.yaml'), text);
    return (await readAdminSettings(folder)).local;
  };
  t.deepEqual(await localOf('# nothing yet\n'), { host: '127.0.0.1', port: 9080 });
  t.deepEqual(await localOf('admin: { listen: "unix:/run/r.sock" }\nnetworks: broken\n'), {
    path: '/run/r.sock',
  });
  t.deepEqual(await localOf('admin: { listen: "0.0.0.0:9080" }\nstore: { lmdb: store }\n'), {
    path: join(folder, 'store/admin.sock'),
  });
});

test('an admin section with a mistake is told with file and line, a missing file with what to do', async (t) => {
  const folder = await folderFor(t);
  await t.throwsAsync(readAdminSettings(folder), {
    message:
      /rackseed\.yaml can't be read \(ENOENT\), .* name its folder with --config, or its address with --server$/,
  });
  await writeFile(join(folder, 'rackseed.yaml'), '\nadmin: { listne: x }\n');
  await t.throwsAsync(readAdminSettings(folder), { message: /rackseed\.yaml:2: admin\.listne/ });
  await writeFile(join(folder, 'rackseed.yaml'), 'admin: [\n');
  await t.throwsAsync(readAdminSettings(folder), { message: /is not valid YAML/ });
});
