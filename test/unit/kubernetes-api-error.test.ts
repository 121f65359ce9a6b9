import { ApiException, FetchError } from '@kubernetes/client-node';
import test from 'ava';
import { apiStatus, explainApiError } from '../../src/kubernetes/api-error.ts';

const status = (message: string) => JSON.stringify({ kind: 'Status', message });
const sent = 'data[token-secret]: Invalid value: "0123456789abcdef"';

const CASES: readonly (readonly [title: string, error: unknown, explained: string])[] = [
  [
    'a right that is missing',
    new ApiException(403, '', status('secrets is forbidden: User "x" cannot create'), {}),
    'the API server answered 403: secrets is forbidden: User "x" cannot create',
  ],
  [
    'a refusal that repeats what was sent',
    new ApiException(422, '', status(sent), {}),
    'the API server answered 422',
  ],
  ['a failure with a page', new ApiException(404, '', '<html>', {}), 'the API server answered 404'],
  ['a watch that is refused', { statusCode: 401, message: 'Unauthorized' }, 'the API server answered 401'],
  [
    'no connection',
    new FetchError(
      'request to https://h:6443/ failed, reason: connect ECONNREFUSED 127.0.0.1:6443',
      'system',
    ),
    'connect ECONNREFUSED 127.0.0.1:6443',
  ],
  ['no answer', new DOMException('aborted', 'AbortError'), 'the API server does not answer'],
  [
    'no beginning of an answer',
    new FetchError('network timeout at: https://h', 'request-timeout'),
    'the API server does not answer',
  ],
  ['anything else', new Error('kubeconfig x is empty\nmore'), 'kubeconfig x is empty'],
];
for (const [title, error, explained] of CASES) {
  test(`a failed call is told in few words, without what was sent: ${title}`, (t) => {
    t.is(explainApiError(error), explained);
  });
}

test('the HTTP status of a failure is known, when there was an answer', (t) => {
  t.is(apiStatus(new ApiException(404, '', '', {})), 404);
  t.is(apiStatus({ statusCode: 410 }), 410);
  t.is(apiStatus(Object.assign(new Error('x'), { code: 'ECONNRESET' })), undefined);
});
