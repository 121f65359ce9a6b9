import { useEffect, useRef, useState } from 'preact/hooks';
import type { Route } from './model/route.ts';
import { EventsPage } from './pages/events.tsx';
import { ImagesPage } from './pages/images.tsx';
import { LeasesPage } from './pages/leases.tsx';
import { MachinePage } from './pages/machine.tsx';
import { RackPage } from './pages/rack.tsx';
import { SettingsPage } from './pages/settings.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { ActionDialog } from './parts/action-dialog.tsx';
import { HelpDialog } from './parts/help.tsx';
import { Empty, Footer, Header, NoticeList } from './parts/shell.tsx';
import { isTyping } from './parts/use-rack-keys.ts';
import { useConsole } from './state/console.ts';

/** The whole page. */
export function App() {
  const { router, session } = useConsole();
  const [help, setHelp] = useState(false);
  const route = router.route.value;
  useTitle(route);
  useStartAtTop(route);
  usePageKeys(() => setHelp(true));
  if (session.needsToken.value) return <SignInPage />;
  return (
    <>
      <button type="button" class="skip" onClick={skipToMain}>
        To the content
      </button>
      <Header />
      <main id="main" tabIndex={-1} class={`page-${route.page}`}>
        <Page route={route} />
      </main>
      <Footer onHelp={() => setHelp(true)} />
      <NoticeList />
      <ActionDialog />
      {help && <HelpDialog onClose={() => setHelp(false)} />}
    </>
  );
}

function Page({ route }: { readonly route: Route }) {
  switch (route.page) {
    case 'rack':
      return <RackPage query={route.query} {...(route.state && { state: route.state })} />;
    case 'machine':
      return <MachinePage mac={route.mac} />;
    case 'leases':
      return <LeasesPage />;
    case 'events':
      return <EventsPage />;
    case 'images':
      return <ImagesPage />;
    case 'settings':
      return <SettingsPage />;
    case 'nowhere':
      return (
        <Empty title="There is no such page">
          <p>
            <a class="button" href="#/">
              To the rack
            </a>
          </p>
        </Empty>
      );
  }
}

const TITLES = {
  rack: 'Rack',
  machine: 'Machine',
  leases: 'Leases',
  events: 'Events',
  images: 'Images',
  settings: 'Settings',
  nowhere: 'Nowhere',
} as const;

function useTitle(route: Route) {
  const { rack } = useConsole();
  const waiting = rack.counts.value.get('discovered') ?? 0;
  const name = (route.page === 'machine' && rack.find(route.mac)?.hostname) || TITLES[route.page];
  const title = `${waiting > 0 ? `(${waiting}) ` : ''}${name} · rackseed`;
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** Another page begins at its top; the same one with another filter stays where it is. */
function useStartAtTop(route: Route) {
  const place = route.page === 'machine' ? route.mac : route.page;
  const before = useRef(place);
  useEffect(() => {
    if (before.current === place) return;
    before.current = place;
    scrollTo({ top: 0 });
  }, [place]);
}

function usePageKeys(onHelp: () => void) {
  const { router } = useConsole();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector('dialog[open]')) return;
      if (event.key === '?') onHelp();
      if (event.key === 'u' && router.route.value.page !== 'rack') router.go({ page: 'rack', query: '' });
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

function skipToMain() {
  document.querySelector<HTMLElement>('#main')?.focus();
}
