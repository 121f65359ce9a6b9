import test from 'ava';
import { good, problems, RACKSEED } from '../support/config.ts';

const withImages = (images: string) => ({ 'rackseed.yaml': `${RACKSEED}images: ${images}\n` });

test('what rackseed.yaml says nothing about images means: the published places, and the keys of their makers', (t) => {
  const { images } = good({});
  t.is(images.mirrors.flatcar, 'https://{channel}.release.flatcar-linux.net');
  t.deepEqual(images.keys, {
    flatcar: ['F88CFEDEFF29A5B4D9523864E25D9AED0593B34A'],
    coreos: ['04127D0BFABEC8871FFB2CCE50E0885593D2DCB4'],
    'fedora-coreos': [],
  });
  t.is(images.keyDirectory, '/etc/rackseed/keys');
  t.is(images.bandwidth, undefined);
  t.is(images.downloads, 4);
});

test('fingerprints may be written as gpg prints them, and mirrors with a slash at the end', (t) => {
  const { images } = good(
    withImages(
      '{ keys: { flatcar: ["f88c fede ff29 a5b4 d952  3864 e25d 9aed 0593 b34a"] }, mirrors: { kubernetes: "https://mirror.lan/k8s/" }, bandwidth: 10MiB }',
    ),
  );
  t.deepEqual(images.keys.flatcar, ['F88CFEDEFF29A5B4D9523864E25D9AED0593B34A']);
  t.is(images.mirrors.kubernetes, 'https://mirror.lan/k8s');
  t.is(images.bandwidth, 10 * 1024 * 1024);
});

test('the keys of one family take the place of its usual ones and leave those of the others', (t) => {
  const { keys } = good(withImages('{ keys: { flatcar: [] } }')).images;
  t.deepEqual(keys.flatcar, []);
  t.is(keys.coreos.length, 1);
});

for (const [what, images, expected] of [
  [
    'a mirror with a password, without repeating it',
    '{ mirrors: { flatcar: "https://me:secret@mirror.lan/{channel}" } }',
    /^config\/rackseed.yaml:9: images.mirrors.flatcar: has a user name or a password in it/,
  ],
  [
    'a bandwidth that no image gets through',
    '{ bandwidth: 100 }',
    /images.bandwidth: is too little for images \(100 bytes a second\) \(expected at least 16KiB\)/,
  ],
  [
    'a short key ID instead of a fingerprint',
    '{ keys: { flatcar: [E25D9AED0593B34A] } }',
    /images.keys.flatcar\[0\]: "E25D9AED0593B34A" is not a fingerprint of an OpenPGP key \(expected for example F88C/,
  ],
  [
    'a mirror that is no web address',
    '{ mirrors: { ipxe: "ftp://x" } }',
    /images.mirrors.ipxe: "ftp:\/\/x" is not a web address/,
  ],
] as const) {
  test(`refused is ${what}`, (t) => {
    const found = problems(withImages(images));
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0] ?? '', expected);
    t.notRegex(found.join(), /secret/);
  });
}
