import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { ClusterSettings, Config } from '../config/config.ts';
import { explainApiError } from '../kubernetes/api-error.ts';
import { readCa } from '../kubernetes/ca-files.ts';
import { createClientSource } from '../kubernetes/client.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Milliseconds. */
const TIMEOUT = 5_000;
/** How far two clocks may be apart, seconds: kubeadm's certificates begin at most five minutes ago. */
const SKEW = { warn: 30, fail: 300 };

/** Whether the cluster that machines join can be reached and used, and agrees with us about the time. */
export async function checkCluster(
  { kubernetes }: Pick<Config, 'kubernetes'>,
  now: () => number,
): Promise<Finding[]> {
  if (!kubernetes) return [ok('cluster', 'none is configured: machines join none')];
  return [
    ...(await checkServer(kubernetes, now)),
    ...(await checkCa(kubernetes, now())),
    ...(await checkCredentials(kubernetes)),
  ];
}

/** Whether the API server answers, with a certificate of our CA, and what its clock says. */
async function checkServer({ server, ca }: ClusterSettings, now: () => number): Promise<Finding[]> {
  const subject = `API server ${server}`;
  try {
    const date = await askDate(new URL('/version', server), await readFile(ca, 'utf8'));
    return [ok(subject, 'it answers'), ...(date === undefined ? [] : [checkSkew(date, now())])];
  } catch (error) {
    const advice = `is it switched on, is kubernetes.server right, is ${ca} its CA? Machines boot without it, but do not join`;
    return [fail(subject, (error as Error).message, advice)];
  }
}

/** The time that an answer carries (RFC 9110 §6.6.1), milliseconds; undefined when it carries none. */
function askDate(url: URL, ca: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, timeout: TIMEOUT, agent: false }, (response) => {
      response.resume();
      const time = Date.parse(response.headers.date ?? '');
      resolve(Number.isNaN(time) ? undefined : time);
    });
    asked.on('timeout', () => asked.destroy(new Error(`it does not answer within ${TIMEOUT / 1000} s`)));
    asked.on('error', reject);
    asked.end();
  });
}

/** Compares our clock with another's, both in milliseconds since the epoch. */
export function checkSkew(theirs: number, ours: number): Finding {
  const subject = 'clock against the API server';
  const seconds = Math.round(Math.abs(ours - theirs) / 1000);
  if (seconds <= SKEW.warn) return ok(subject, 'they agree');
  const found = `${seconds} s ${ours > theirs ? 'ahead' : 'behind'}`;
  const advice = 'let both keep their time with NTP: certificates that begin in the future are refused';
  return seconds > SKEW.fail ? fail(subject, found, advice) : warn(subject, found, advice);
}

async function checkCa({ ca, caKey }: ClusterSettings, now: number): Promise<Finding[]> {
  if (caKey === undefined) return [];
  try {
    await readCa({ certificate: ca, key: caKey }, now);
    return [ok('CA of the cluster', `${caKey} is its key`)];
  } catch (error) {
    return [
      fail(
        'CA of the cluster',
        (error as Error).message,
        'machines can not be given certificates until then',
      ),
    ];
  }
}

/** Whether the kubeconfig's user is known to the API server and may see nodes. */
async function checkCredentials({ kubeconfig }: ClusterSettings): Promise<Finding[]> {
  if (kubeconfig === undefined) return [];
  const subject = `credentials ${kubeconfig}`;
  try {
    const api = await createClientSource(kubeconfig).api((k8s) => k8s.CoreV1Api);
    await api.listNode({ limit: 1 });
    return [ok(subject, 'they are good: nodes can be seen')];
  } catch (error) {
    const advice = 'docs/kubernetes.md tells how to make a user with the rights it needs (docs/rbac.yaml)';
    return [fail(subject, explainApiError(error), advice)];
  }
}
