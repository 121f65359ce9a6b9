import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Config } from '../../src/config/config.ts';
import type { Problem } from '../../src/config/problem.ts';
import { watchConfig } from '../../src/config/watch.ts';

const rackseed = (profile: string) => `networks:
  - name: kubernetes1
    interface: eth1
    address: 192.168.0.254/24
    dhcp: { mode: authoritative, range: 192.168.0.1-192.168.0.100 }
default_profile: ${profile}
`;

type News = { config: Config } | { problems: readonly Problem[] };

/** A watched configuration folder; `next` waits for what the watch tells next. */
async function watched(t: ExecutionContext) {
  const directory = await mkdtemp(join(tmpdir(), 'rackseed-watch-'));
  await mkdir(join(directory, 'profiles'));
  await writeFile(join(directory, 'profiles/worker.yaml'), 'boot: { image: a }');
  await writeFile(join(directory, 'rackseed.yaml'), rackseed('worker'));
  const told: News[] = [];
  const waiting: ((news: News) => void)[] = [];
  const tell = (news: News) => {
    const listener = waiting.shift();
    if (listener) listener(news);
    else told.push(news);
  };
  const watch = watchConfig({
    directory,
    settle: 20,
    onChange: (config) => tell({ config }),
    onProblems: (problems) => tell({ problems }),
  });
  t.teardown(async () => {
    watch.stop();
    await rm(directory, { recursive: true });
  });
  const next = () =>
    new Promise<News>((resolve) => {
      const news = told.shift();
      if (news) resolve(news);
      else waiting.push(resolve);
    });
  return { directory, next, told, watch };
}

const edit = (directory: string, name: string, text: string) => writeFile(join(directory, name), text);

test('a change is picked up', async (t) => {
  const { directory, next } = await watched(t);
  await edit(directory, 'profiles/worker.yaml', 'boot: { image: b }');
  const news = await next();
  t.like(news, { config: { defaultProfile: 'worker' } });
  t.like('config' in news ? news.config.profiles.get('worker') : undefined, { boot: { image: 'b' } });
});

test('a broken file is told with its problem and nothing else; repaired, it is used', async (t) => {
  const { directory, next, told } = await watched(t);
  await edit(directory, 'rackseed.yaml', rackseed('nobody'));
  t.deepEqual(await next(), {
    problems: [
      {
        file: 'rackseed.yaml',
        path: 'default_profile',
        line: 6,
        message: 'there is no profile nobody',
        expected: 'one of worker',
      },
    ],
  });
  await edit(directory, 'profiles/nobody.yaml', 'boot: { local_disk: true }');
  t.like(await next(), { config: { defaultProfile: 'nobody' } });
  t.deepEqual(told, []);
});

test('the temporary files of an editor are never taken for the configuration', async (t) => {
  const { directory, next } = await watched(t);
  await edit(directory, '.rackseed.yaml.swp', 'x');
  await edit(directory, 'rackseed.yaml~', 'x');
  await edit(directory, 'rackseed.yaml.new', `${rackseed('worker')}unknown_machines: ignore\n`);
  await rename(join(directory, 'rackseed.yaml.new'), join(directory, 'rackseed.yaml'));
  let news = await next();
  // On a slow machine the files are read once before the rename, and are what they were.
  if ('config' in news && news.config.unknownMachines === 'hold') news = await next();
  t.like(news, { config: { unknownMachines: 'ignore' } });
});

test('what did not change is read and told again on demand', async (t) => {
  const { told, watch } = await watched(t);
  await watch.reload();
  await watch.reload();
  t.is(told.length, 2);
  t.true(told.every((news) => 'config' in news));
});

test('a folder that is made later is watched as well', async (t) => {
  const { directory, next } = await watched(t);
  await mkdir(join(directory, 'machines'));
  await edit(directory, 'machines/a.yaml', 'machines: []');
  t.true('config' in (await next()));
  await edit(directory, 'machines/a.yaml', 'machines: [{ mac: "52:54:00:00:00:01" }]');
  const news = await next();
  t.is('config' in news ? news.config.machines.size : undefined, 1);
});
