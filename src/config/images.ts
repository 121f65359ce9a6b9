import { join } from 'node:path';
import type { ImageSettings } from './config.ts';
import { IMAGE_DEFAULTS, type ImagesInput, LEAST_BANDWIDTH } from './images-schema.ts';
import type { Problem } from './problem.ts';
import type { YamlFile } from './yaml.ts';

/** The `images` section of rackseed.yaml, in the configuration folder `directory`. */
export function resolveImages(
  { keys = {}, mirrors = {}, bandwidth, downloads = IMAGE_DEFAULTS.downloads }: ImagesInput,
  directory: string,
): ImageSettings {
  const usual = IMAGE_DEFAULTS;
  return {
    keys: {
      flatcar: normalize(keys.flatcar ?? usual.keys.flatcar),
      coreos: normalize(keys.coreos ?? usual.keys.coreos),
      'fedora-coreos': normalize(keys.fedora_coreos ?? usual.keys['fedora-coreos']),
    },
    keyDirectory: join(directory, 'keys'),
    mirrors: {
      flatcar: withoutSlash(mirrors.flatcar ?? usual.mirrors.flatcar),
      fedoraCoreos: withoutSlash(mirrors.fedora_coreos ?? usual.mirrors.fedoraCoreos),
      kubernetes: withoutSlash(mirrors.kubernetes ?? usual.mirrors.kubernetes),
      sysext: withoutSlash(mirrors.sysext ?? usual.mirrors.sysext),
      cni: withoutSlash(mirrors.cni ?? usual.mirrors.cni),
      ipxe: withoutSlash(mirrors.ipxe ?? usual.mirrors.ipxe),
    },
    ...(bandwidth !== undefined && { bandwidth }),
    downloads,
  };
}

/** What is wrong with the section beyond its form. No message repeats a URL that holds a password. */
export function checkImages(main: YamlFile, { mirrors = {}, bandwidth }: ImagesInput): Problem[] {
  const problems: Problem[] = [];
  const report = (path: readonly string[], message: string, expected: string) =>
    problems.push(main.problem(['images', ...path], message, expected));
  for (const [name, url] of Object.entries(mirrors)) {
    const { username, password } = new URL(url.replaceAll('{channel}', 'stable'));
    if (username === '' && password === '') continue;
    report(['mirrors', name], 'has a user name or a password in it', 'a URL without: messages tell it');
  }
  if (bandwidth !== undefined && bandwidth < LEAST_BANDWIDTH) {
    report(['bandwidth'], `is too little for images (${bandwidth} bytes a second)`, 'at least 16KiB');
  }
  return problems;
}

function normalize(fingerprints: readonly string[]): string[] {
  return fingerprints.map((text) => text.replaceAll(' ', '').toUpperCase());
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
