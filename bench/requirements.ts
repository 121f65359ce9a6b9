import { accessSync, constants } from 'node:fs';
import { isProgram } from '../src/lab/process.ts';
import type { Benchmark } from './benchmark.ts';
import { RACKSEED } from './peers/rackseed.ts';

/** Throws an Error that names whatever is missing and how to get it. */
export function checkRequirements(benchmarks: readonly Benchmark[]): void {
  const problems: string[] = [];
  if (process.getuid?.() !== 0) problems.push('it makes network namespaces, which takes root: use sudo');
  if (!canRead(RACKSEED)) problems.push(`${RACKSEED} is missing: npm run build makes it`);
  const programs = new Map(benchmarks.flatMap((benchmark) => [...benchmark.programs]));
  const missing = [...programs].filter(([program]) => !isProgram(program));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
    const names = missing.map(([program]) => program).join(', ');
    problems.push(`not installed: ${names}; apt-get install ${packages}`);
  }
  if (problems.length > 0) throw new Error(`the benchmarks can't run:\n  ${problems.join('\n  ')}`);
}

function canRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
