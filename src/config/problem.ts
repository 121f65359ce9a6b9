/** Where in a document a value stands: keys of mappings and indices of lists, from the root. */
export type Path = readonly (string | number)[];

/** One thing that is wrong with the configuration. */
export interface Problem {
  /** File name relative to the configuration directory: `rackseed.yaml`, `machines/rack-1.yaml`. */
  readonly file: string;
  /** `networks[0].dhcp.range`; empty when the file as a whole is meant. */
  readonly path: string;
  /** Line of the file, from 1; absent when the file could not be read. */
  readonly line?: number;
  /** What is wrong. */
  readonly message: string;
  /** What would be right. */
  readonly expected?: string;
}

/** `networks[0].dhcp.options["150"]`: how people read a path. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** `config/rackseed.yaml:12: networks[0].dhcp.range: … (expected …)`; `directory` goes before the file name. */
export function formatProblem(problem: Problem, directory: string): string {
  const place = `${directory.replace(/\/+$/, '')}/${problem.file}`;
  const line = problem.line === undefined ? '' : `:${problem.line}`;
  const path = problem.path === '' ? '' : ` ${problem.path}:`;
  const expected = problem.expected === undefined ? '' : ` (expected ${problem.expected})`;
  return `${place}${line}:${path} ${problem.message}${expected}`;
}

/** Orders problems by file, then by line. */
export function compareProblems(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0);
}
