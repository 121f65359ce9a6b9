import { fileURLToPath } from 'node:url';

/** The package's own folder, the same whether this runs from `src/` or from `dist/`. Ends with a slash. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));
