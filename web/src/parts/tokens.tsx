import { useState } from 'preact/hooks';
import { ROLES, type Role, type Token } from '../model/api.ts';
import { useConsole } from '../state/console.ts';
import { Dialog } from './dialog.tsx';
import { Ago } from './time.tsx';
import { useFetched } from './use-fetched.ts';

const MEANINGS: Readonly<Record<Role, string>> = {
  read: 'sees everything but keys',
  operator: 'also approves and changes machines',
  admin: 'also makes and revokes tokens',
};

type Open = { readonly kind: 'create' } | { readonly kind: 'shown' | 'revoke'; readonly name: string };

/** The tokens that open the API from elsewhere. */
export function TokensPart() {
  const tokens = useFetched<{ tokens: Token[] }>('/v1/tokens');
  const [open, setOpen] = useState<Open>();
  const [secret, setSecret] = useState('');
  const list = tokens.value?.tokens ?? [];
  const close = () => setOpen(undefined);

  return (
    <section aria-labelledby="tokens-title">
      <div class="toolbar">
        <h2 id="tokens-title">API tokens</h2>
        <button type="button" class="button" onClick={() => setOpen({ kind: 'create' })}>
          Create token
        </button>
      </div>
      {tokens.problem && <p class="problem">{tokens.problem}</p>}
      {tokens.value && list.length === 0 && (
        <p class="muted">
          None. On this host no token is needed; from elsewhere, the API and this page ask for one.
        </p>
      )}
      {list.length > 0 && <TokenTable tokens={list} onRevoke={(name) => setOpen({ kind: 'revoke', name })} />}
      {open?.kind === 'create' && (
        <CreateToken
          onClose={() => setOpen((now) => (now?.kind === 'create' ? undefined : now))}
          onCreated={(name, token) => {
            setSecret(token);
            setOpen({ kind: 'shown', name });
            tokens.reload();
          }}
        />
      )}
      {open?.kind === 'shown' && (
        <NewToken
          name={open.name}
          token={secret}
          onClose={() => {
            setSecret('');
            close();
          }}
        />
      )}
      {open?.kind === 'revoke' && <RevokeToken name={open.name} onClose={close} onRevoked={tokens.reload} />}
    </section>
  );
}

interface TokenTableProps {
  readonly tokens: readonly Token[];
  readonly onRevoke: (name: string) => void;
}

function TokenTable({ tokens, onRevoke }: TokenTableProps) {
  return (
    <table class="plain">
      <caption class="hidden">API tokens</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col" class="wide">
            Created
          </th>
          <th scope="col">Used</th>
          <th scope="col">
            <span class="hidden">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {tokens.map(({ name, role, created, lastUsed }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{role}</td>
            <td class="wide">
              <Ago at={created} />
            </td>
            <td>{lastUsed ? <Ago at={lastUsed} /> : 'never'}</td>
            <td class="end">
              <button
                type="button"
                class="button small"
                aria-label={`Revoke ${name}`}
                onClick={() => onRevoke(name)}
              >
                Revoke
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface CreateTokenProps {
  readonly onClose: () => void;
  readonly onCreated: (name: string, token: string) => void;
}

function CreateToken({ onClose, onCreated }: CreateTokenProps) {
  const { session } = useConsole();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('read');

  async function create() {
    const made = await session.api.post<{ token: string }>('/v1/tokens', { name: name.trim(), role });
    onCreated(name.trim(), made.token);
  }

  return (
    <Dialog title="Create token" submit="Create" onSubmit={create} onClose={onClose}>
      <label class="field">
        <span>Name</span>
        <input
          type="text"
          required
          autocomplete="off"
          value={name}
          placeholder="dashboard"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <small>It stands beside every change that is made with it.</small>
      </label>
      <fieldset class="roles">
        <legend>Role</legend>
        {ROLES.map((known) => (
          <label key={known}>
            <input type="radio" name="role" checked={role === known} onChange={() => setRole(known)} />
            <span>
              {known} <span class="muted">{MEANINGS[known]}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </Dialog>
  );
}

interface NewTokenProps {
  readonly name: string;
  readonly token: string;
  readonly onClose: () => void;
}

function NewToken({ name, token, onClose }: NewTokenProps) {
  const [copied, setCopied] = useState(false);
  return (
    <Dialog title={`Token ${name}`} onClose={onClose}>
      <p>Keep it now: it is shown this once. The server keeps a hash of it only.</p>
      <p class="secret">
        <code>{token}</code>
        <button
          type="button"
          class="button small"
          onClick={() => void navigator.clipboard?.writeText(token).then(() => setCopied(true))}
        >
          {copied ? 'Copied' : 'Copy'}
        </button>
      </p>
    </Dialog>
  );
}

interface RevokeTokenProps {
  readonly name: string;
  readonly onClose: () => void;
  readonly onRevoked: () => void;
}

function RevokeToken({ name, onClose, onRevoked }: RevokeTokenProps) {
  const { session } = useConsole();
  async function revoke() {
    await session.api.delete(`/v1/tokens/${encodeURIComponent(name)}`);
    onRevoked();
  }
  return (
    <Dialog title={`Revoke ${name}`} submit="Revoke" danger onSubmit={revoke} onClose={onClose}>
      <p>Whatever uses this token is refused from now on. It can’t be brought back; a new one can be made.</p>
    </Dialog>
  );
}
