import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';

/** A call that was not answered by then has failed, milliseconds. */
const CALL_TIMEOUT = 5_000;

/** The client library; it takes half a second to load, and is when it is first needed. */
export const library = () => import('@kubernetes/client-node');

type Library = Awaited<ReturnType<typeof library>>;
type ApiClass<Api> = new (configuration: ReturnType<Library['createConfiguration']>) => Api;

/** Clients that act as the user of a kubeconfig file. */
export interface ClientSource {
  /** The file's content; throws an Error naming the file when it can't be used. */
  kubeconfig(): Promise<KubeConfig>;
  /** A client for one API group: `api((k8s) => k8s.CoreV1Api)`. */
  api<Api>(choose: (k8s: Library) => ApiClass<Api>): Promise<Api>;
  /** The file shall be read again: it may come later, or be renewed. */
  forget(): void;
}

export function createClientSource(file: string): ClientSource {
  let loading: Promise<KubeConfig> | undefined;
  const kubeconfig = () => {
    loading ??= load(file);
    return loading;
  };
  return {
    kubeconfig,
    forget() {
      loading = undefined;
    },
    async api(choose) {
      const k8s = await library();
      const user = await kubeconfig();
      const Chosen = choose(k8s);
      return new Chosen(
        k8s.createConfiguration({
          baseServer: new k8s.ServerConfiguration(user.getCurrentCluster()?.server ?? '', {}),
          authMethods: { default: user },
          promiseMiddleware: [
            {
              pre: async (context) => {
                context.setSignal(AbortSignal.timeout(CALL_TIMEOUT));
                return context;
              },
              post: async (context) => context,
            },
          ],
        }),
      );
    },
  };
}

async function load(file: string): Promise<KubeConfig> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`kubeconfig ${file} can't be read (${error.code})`);
  });
  const kubeconfig = new (await library()).KubeConfig();
  try {
    kubeconfig.loadFromString(text);
    kubeconfig.makePathsAbsolute(dirname(file));
  } catch {
    throw new Error(`${file} is not a kubeconfig`);
  }
  if (!kubeconfig.getCurrentCluster()) throw new Error(`kubeconfig ${file} names no current cluster`);
  // A watch has no end of its own, but its beginning must not take for ever (node-fetch's `timeout`).
  const apply = kubeconfig.applyToFetchOptions.bind(kubeconfig);
  kubeconfig.applyToFetchOptions = async (options) => ({ ...(await apply(options)), timeout: CALL_TIMEOUT });
  return kubeconfig;
}
