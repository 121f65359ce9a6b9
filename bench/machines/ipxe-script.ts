/** What a script has iPXE fetch, in order; a `chain` ends it. */
export interface ScriptFetch {
  readonly command: 'chain' | 'kernel' | 'initrd';
  readonly url: string;
}

/** What a script does. */
export interface BootScript {
  readonly fetches: readonly ScriptFetch[];
  /** Of the kernel's command line. */
  readonly arguments: readonly string[];
}

/**
 * Reads the commands of an iPXE script that fetch something. It isn't a whole iPXE: labels and conditions, which say what to do
 * when a fetch fails, are left to whoever fetches.
 * @param base the script's own URL
 * @param settings what iPXE knows about the machine, by name: `mac`, `mac:hexhyp`; anything else is empty
 */
export function readScript(text: string, base: string, settings: ReadonlyMap<string, string>): BootScript {
  const fetches: ScriptFetch[] = [];
  let kernelArguments: readonly string[] = [];
  for (const line of text.split('\n')) {
    const [command, ...words] = line
      .replace(/ *(\|\||&&).*$/, '')
      .trim()
      .split(/ +/);
    if (command !== 'chain' && command !== 'kernel' && command !== 'initrd') continue;
    const [target = '', ...rest] = withoutOptions(words);
    const url = target.replace(/\$\{([^}]*)\}/g, (_, name: string) => settings.get(name) ?? '');
    fetches.push({ command, url: new URL(url, base).href });
    if (command === 'kernel') kernelArguments = rest;
    if (command === 'chain') break;
  }
  return { fetches, arguments: kernelArguments };
}

/** Drops `--autofree` and `--name kernel`: options come first, and only `--name` has a value. */
function withoutOptions(words: readonly string[]): readonly string[] {
  const [first = '', ...rest] = words;
  if (!first.startsWith('--')) return words;
  return withoutOptions(first === '--name' ? rest.slice(1) : rest);
}
