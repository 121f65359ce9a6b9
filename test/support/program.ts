import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/lab/package-root.ts';

// Nothing is done when it was built after its sources were edited last.
execFileSync(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: packageRoot });

/** The program as its users run it: dist/ by Node.js alone. */
export const PROGRAM: readonly [string, ...string[]] = [process.execPath, join(packageRoot, 'dist/main.js')];
