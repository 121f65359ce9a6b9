import { readFileSync } from 'node:fs';
import test from 'ava';
import { dump, load } from 'js-yaml';
import { problems, RACKSEED } from '../support/config.ts';

const PAGES = {
  'README.md': ['networks', 'machines'],
  'docs/booting.md': ['firmware'],
  'docs/kubernetes.md': ['kubernetes'],
} as const;

for (const [page, sections] of Object.entries(PAGES)) {
  test(`the configuration that ${page} shows is good: ${sections.join(', ')}`, (t) => {
    const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
    const blocks = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
    const shown = Object.assign({}, ...blocks.map((block) => load(block)));
    t.deepEqual(Object.keys(shown), sections);
    const { machines = [], ...rest } = shown;
    const rackseed = dump({ ...(load(RACKSEED) as object), ...rest });
    t.deepEqual(problems({ 'rackseed.yaml': rackseed, 'machines/example.yaml': dump({ machines }) }), []);
  });
}
