import type { TokenFault, TokenRequest } from '../machines/boot-token.ts';
import type { Grant } from '../machines/boot-tokens.ts';
import { formatDuration } from '../machines/units.ts';
import type { ProvisioningContext } from './context.ts';
import { Refusal } from './refusal.ts';

/** What deciding about a token needs of the rest of the service. */
type AccessContext = Pick<
  ProvisioningContext,
  'tokens' | 'guesses' | 'leasedAddress' | 'addressesMove' | 'now'
>;

/**
 * Runs what decides whether a client gets something secret. A client that has been wrong too often is refused with 429
 * before that; of what is refused with 403, each kind is told once a minute.
 */
export function watchGuesses<Result>(
  { guesses, now }: AccessContext,
  address: string,
  decide: () => Result,
): Result {
  const block = guesses.block(address, now());
  if (block) {
    const { untold } = block;
    const more = untold ? `; ${untold} of them were not told one by one` : '';
    throw new Refusal(
      429,
      'too many wrong tokens came from this address; try again in a minute',
      `${address} has sent too many wrong tokens and is refused for a minute${more}`,
      { isTold: untold !== undefined },
    );
  }
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 403) throw error;
    const kind = error instanceof TokenRefusal ? error.fault : 'unapproved';
    const isTold = guesses.isNews(address, kind, now());
    throw new Refusal(error.status, error.message, error.reason, {
      isTold,
      ...(error.mac !== undefined && { mac: error.mac }),
    });
  }
}

/**
 * The grant that the text shown as a token gives. Throws a Refusal that tells the client what to do, and the administrator
 * who asked, and who the token was given to.
 */
export function requireToken(context: AccessContext, text: string, request: TokenRequest): Grant {
  const { tokens, leasedAddress, addressesMove, now } = context;
  const { mac, address, use } = request;
  const leased = leasedAddress(mac, address);
  const holder = leased === undefined ? `${mac} has no address` : `${mac} has ${leased}`;
  const what = use === 'document' ? 'the document' : 'the keys';
  const asked = `${address} asked for ${what} of ${mac}`;
  let result = tokens.check(text, request, now());
  if ('fault' in result && result.fault === 'other-address' && leased === address && addressesMove?.()) {
    result = tokens.check(text, { ...request, address: result.token?.address ?? address }, now());
  }
  if (!('fault' in result)) {
    if (leased === address) return result;
    throw new TokenRefusal('other-address', mac, ANSWERS['other-address'], `${asked}, but now ${holder}`);
  }
  const { fault, token } = result;
  const given = token ? `${token.mac} got it at ${token.address}` : '';
  const reasons: Readonly<Record<TokenFault, () => string>> = {
    missing: () => `${asked} without a token; ${holder}`,
    unknown: () => `${asked} with a token that nobody was given, or long ago; ${holder}`,
    'other-machine': () => `${asked} with the token of another machine: ${given}`,
    'other-address': () => `${asked} with a token from elsewhere: ${given}`,
    expired: () => `${asked} with a token that has expired ${ago(token?.expires)}: ${given}`,
    used: () => `${asked} with a token that was used up ${ago(token?.delivered[use])}: ${given}`,
  };
  const ago = (since = now()) => `${formatDuration(now() - since)} ago`;
  throw new TokenRefusal(fault, mac, ANSWERS[fault], reasons[fault]());
}

/** What the client is told. */
const ANSWERS: Readonly<Record<TokenFault, string>> = {
  missing: 'this is given only to the machine itself: ask with the token from its boot script',
  unknown: 'this token is not known: a machine gets a new one with each boot script',
  'other-machine': 'this token was given to another machine',
  'other-address': 'this token was given to another address',
  expired: 'this token has expired; boot the machine again',
  used: 'this token is used up; boot the machine again',
};

class TokenRefusal extends Refusal {
  readonly fault: TokenFault;

  constructor(fault: TokenFault, mac: string, message: string, reason: string) {
    super(403, message, reason, { mac });
    this.fault = fault;
  }
}
