import { useState } from 'preact/hooks';
import { Mark } from '../parts/icons.tsx';
import { useConsole } from '../state/console.ts';

/** Asks for the token that the server wants. */
export function SignInPage() {
  const { session } = useConsole();
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);

  async function signIn(event: Event) {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    try {
      await session.signIn(token.trim());
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  }

  return (
    <main class="sign-in">
      <form class="card" onSubmit={signIn}>
        <h1>
          <Mark />
          rackseed
        </h1>
        <label class="field">
          <span>API token</span>
          <input
            type="password"
            class="mono"
            required
            autocomplete="off"
            value={token}
            placeholder="rs_…"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          <small>
            Kept until this tab is closed. Make one on the server:{' '}
            <code>rackseed token create --name me --role operator</code>
          </small>
        </label>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class="button primary" disabled={busy}>
          Sign in
        </button>
      </form>
    </main>
  );
}
