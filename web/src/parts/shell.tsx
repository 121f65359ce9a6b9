import type { ComponentChildren } from 'preact';
import { hashOf, type Route } from '../model/route.ts';
import { useConsole } from '../state/console.ts';
import { THEMES } from '../state/theme.ts';
import { AutoIcon, CloseIcon, Mark, MoonIcon, SunIcon } from './icons.tsx';

const PAGES = [
  ['Rack', { page: 'rack', query: '' }],
  ['Leases', { page: 'leases' }],
  ['Events', { page: 'events' }],
  ['Images', { page: 'images' }],
  ['Settings', { page: 'settings' }],
] as const satisfies readonly (readonly [string, Route])[];

/** The bar on top: where one is, and where one can go. */
export function Header() {
  const { rack, router } = useConsole();
  const { page } = router.route.value;
  const current = page === 'machine' ? 'rack' : page;
  const waiting = rack.counts.value.get('discovered') ?? 0;
  return (
    <header class="top">
      <a class="brand" href="#/">
        <Mark />
        rackseed
      </a>
      <nav aria-label="Pages">
        {PAGES.map(([title, route]) => (
          <a key={title} href={hashOf(route)} aria-current={route.page === current ? 'page' : undefined}>
            {title}
            {route.page === 'rack' && waiting > 0 && (
              <span class="count">
                <span class="hidden">waiting for approval: </span>
                {waiting}
              </span>
            )}
          </a>
        ))}
      </nav>
      <ThemeButton />
    </header>
  );
}

function ThemeButton() {
  const { theme } = useConsole();
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'auto';
  const Icon = { auto: AutoIcon, light: SunIcon, dark: MoonIcon }[theme.value];
  return (
    <button
      type="button"
      class="quiet theme"
      aria-label={`Colours: ${theme.value}. Change to ${next}`}
      title={`Colours: ${theme.value}`}
      onClick={() => {
        theme.value = next;
      }}
    >
      <Icon />
    </button>
  );
}

/** The bar below: whether what is seen is live, and who one is. */
export function Footer({ onHelp }: { readonly onHelp: () => void }) {
  const { session } = useConsole();
  const me = session.me.value;
  return (
    <footer class="bottom">
      <ConnectionState />
      {me && (
        <span>
          {me.name} <span class="faint">({me.role})</span>
        </span>
      )}
      {session.hasToken.value && (
        <button type="button" class="link" onClick={session.signOut}>
          Sign out
        </button>
      )}
      <span class="spring" />
      <button type="button" class="link keys" onClick={onHelp}>
        Keyboard
      </button>
      <a href="/docs/">API</a>
    </footer>
  );
}

function ConnectionState() {
  const { connection, now } = useConsole();
  const current = connection.value;
  let text = { connecting: 'Connecting', live: 'Live', closed: 'Not connected', waiting: '' }[current.state];
  if (current.state === 'waiting') {
    const seconds = Math.max(0, Math.ceil((current.until - now.value) / 1000));
    text = `${current.why}. Trying again in ${seconds} s`;
  }
  return (
    <span class={`connection ${current.state}`} role="status" aria-live="off">
      {text}
    </span>
  );
}

/** Short notices, and the words for screen readers. */
export function NoticeList() {
  const { notices } = useConsole();
  return (
    <>
      <section class="toasts" aria-label="Notices" aria-live="polite">
        {notices.toasts.value.map(({ id, severity, text }) => (
          <div key={id} class={`toast ${severity}`}>
            <p>{text}</p>
            <button type="button" class="quiet" aria-label="Dismiss" onClick={() => notices.dismiss(id)}>
              <CloseIcon />
            </button>
          </div>
        ))}
      </section>
      <div class="hidden" aria-live="polite">
        {notices.spoken}
      </div>
    </>
  );
}

/** What stands where there is nothing yet, and what to do about it. */
export function Empty({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
