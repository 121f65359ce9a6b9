import { bootsByHttp, LOADERS, type LoaderRow, usualStyle } from '../boot/loaders.ts';
import type { LoaderInput } from './loader-schema.ts';
import type { Problem } from './problem.ts';
import type { YamlFile } from './yaml.ts';

/** The loader table: the rows of rackseed.yaml, then the usual ones. */
export function resolveLoaders(inputs: readonly LoaderInput[]): readonly LoaderRow[] {
  return [...inputs.map(resolveLoader), ...LOADERS];
}

function resolveLoader({ firmware, match, reply, files }: LoaderInput): LoaderRow {
  const { arch, vendor_class: vendorClass, mac_prefix: macPrefix } = match;
  return {
    firmware,
    ...(arch !== undefined && { architectures: listOf(arch) }),
    ...(vendorClass !== undefined && { vendorClass }),
    ...(macPrefix !== undefined && { macPrefixes: listOf(macPrefix) }),
    style: reply ?? usualStyle(listOf(arch ?? [])),
    files,
  };
}

/** What is wrong with `firmware.loaders` beyond its form. */
export function checkLoaders(main: YamlFile, inputs: readonly LoaderInput[]): Problem[] {
  return inputs.flatMap(({ match, reply }, index) => {
    const path = ['firmware', 'loaders', index];
    const http = listOf(match.arch ?? []).filter(bootsByHttp);
    if (http.length > 0 && http.length < listOf(match.arch ?? []).length) {
      const message = `${http.join(', ')} boots by HTTP and the rest doesn't`;
      return [main.problem([...path, 'match', 'arch'], message, 'a row of its own for HTTP Boot')];
    }
    if (http.length > 0 && reply !== undefined && reply !== 'http') {
      const message = `firmware that boots by HTTP (${http.join(', ')}) understands nothing but http`;
      return [main.problem([...path, 'reply'], message, 'http, or none')];
    }
    return [];
  });
}

function listOf<Value extends number | string>(value: Value | readonly Value[]): readonly Value[] {
  return typeof value === 'object' ? value : [value];
}
