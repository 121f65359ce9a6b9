import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/lab/package-root.ts';

// Nothing is done when it was built after its sources were edited last.
execFileSync(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: packageRoot });

const built = (name: string) => [process.execPath, join(packageRoot, 'dist', name)] as const;

/** The program as its users run it: dist/ by Node.js alone. */
export const PROGRAM = built('main.js');

/** What systemd runs before it, with the interfaces that it is to open raw sockets on. */
export const OPENER = built('open-sockets.js');
