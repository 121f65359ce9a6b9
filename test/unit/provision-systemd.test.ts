import { spawnSync } from 'node:child_process';
import test from 'ava';
import { escapePath, mountUnitName } from '../../src/provision/systemd.ts';

const PATHS: readonly [path: string, escaped: string][] = [
  ['/var/lib/docker', 'var-lib-docker'],
  ['/', '-'],
  ['//', '-'],
  ['/var//lib/', 'var-lib'],
  ['/var/./lib', 'var-lib'],
  ['/var/lib/my-data', 'var-lib-my\\x2ddata'],
  ['/.hidden/.too', '\\x2ehidden-.too'],
  ['/a b', 'a\\x20b'],
  ['/with:colon_and.dot', 'with:colon_and.dot'],
  ['/back\\slash', 'back\\x5cslash'],
  ['/Zürich', 'Z\\xc3\\xbcrich'],
  ['/\u{1f600}', '\\xf0\\x9f\\x98\\x80'],
  ['/dev/disk/by-id/ata-X@1', 'dev-disk-by\\x2did-ata\\x2dX\\x401'],
];

for (const [path, escaped] of PATHS) {
  test(`${JSON.stringify(path)} is ${escaped} in the name of a unit`, (t) => {
    t.is(escapePath(path), escaped);
  });
}

test('systemd-escape itself says the same', (t) => {
  const { stdout } = spawnSync('systemd-escape', ['--path', ...PATHS.map(([path]) => path)], {
    encoding: 'utf8',
  });
  t.deepEqual(
    stdout.trim().split(' '),
    PATHS.map(([, escaped]) => escaped),
  );
});

for (const path of ['relative', '', '/a/../b', '..']) {
  test(`${JSON.stringify(path)} is refused as a path`, (t) => {
    t.throws(() => escapePath(path), { message: `"${path}" is not an absolute path` });
  });
}

test('a mount unit is called after its folder', (t) => {
  t.is(mountUnitName('/var/lib/docker'), 'var-lib-docker.mount');
});
