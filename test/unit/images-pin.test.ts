import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Profile, ProfileBoot } from '../../src/config/config.ts';
import { bootFileAt, pinImage } from '../../src/images/pin.ts';
import { testConfig } from '../support/provisioning.ts';

const worker = testConfig().profiles.get('worker') as Profile;
const profileOf = (image: string): Profile => ({ ...worker, boot: { ...worker.boot, image } as ProfileBoot });
const bootOf = (profile: Profile) => profile.boot as Extract<ProfileBoot, { kind: 'image' }>;

async function assetsWith(t: ExecutionContext, links: Readonly<Record<string, string>>): Promise<string> {
  const assets = await mkdtemp(join(tmpdir(), 'rackseed-pin-'));
  t.teardown(() => rm(assets, { recursive: true }));
  await mkdir(join(assets, 'flatcar'));
  for (const [link, target] of Object.entries(links)) await symlink(target, join(assets, link));
  return assets;
}

test('a profile that boots current boots the version that it leads to at that moment', async (t) => {
  const assets = await assetsWith(t, { 'flatcar/current': '4593.2.4' });
  const profile = profileOf('flatcar/current');
  const before = pinImage(profile, assets);
  t.is(bootOf(before).image, 'flatcar/4593.2.4');
  t.is(pinImage(profile, assets), before, 'the same object while nothing changes');
  await rm(join(assets, 'flatcar/current'));
  await symlink('4593.2.5', join(assets, 'flatcar/current'));
  t.is(bootOf(pinImage(profile, assets)).image, 'flatcar/4593.2.5');
  t.is(bootOf(before).image, 'flatcar/4593.2.4', 'who has begun goes on with the old one');
});

test('a profile that names a version is left as it is, and so is one whose link leads nowhere good', async (t) => {
  const assets = await assetsWith(t, { 'flatcar/current': '../../etc', 'flatcar/4593.2.5': '4593.2.4' });
  for (const image of ['flatcar/4593.2.5', 'flatcar/current', 'coreos/current', 'current']) {
    const profile = profileOf(image);
    t.is(pinImage(profile, assets), profile);
  }
});

for (const [what, followed, path, file] of [
  ['its kernel', undefined, 'flatcar/2/vmlinuz', 'vmlinuz'],
  ['its initrd', undefined, 'flatcar/2/initrd.gz', 'initrd.gz'],
  ['no kernel of another version', undefined, 'flatcar/1/vmlinuz', undefined],
  ['any version where it follows a link', 'flatcar/current', 'flatcar/1/vmlinuz', 'vmlinuz'],
  ['no other family', 'flatcar/current', 'coreos/1/vmlinuz', undefined],
  ['no other file', 'flatcar/current', 'flatcar/1/shadow', undefined],
  ['no partial file', 'flatcar/current', 'flatcar/.partial/vmlinuz', undefined],
] as const) {
  test(`of a path below assets, a boot takes for its own ${what}`, (t) => {
    const boot = { ...bootOf(profileOf('flatcar/2')), ...(followed && { followed }) };
    t.is(bootFileAt(boot, path), file);
  });
}
