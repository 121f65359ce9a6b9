import { effect, type Signal, signal } from '@preact/signals';

export const THEMES = ['auto', 'light', 'dark'] as const;
/** `auto` goes by what the system prefers. */
export type Theme = (typeof THEMES)[number];

const KEY = 'rackseed.theme';

/** The theme that was chosen in this browser; setting it applies and keeps it. */
export function createTheme(): Signal<Theme> {
  const kept = localStorage.getItem(KEY);
  const theme = signal(THEMES.find((known) => known === kept) ?? 'auto');
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
    localStorage.setItem(KEY, theme.value);
  });
  return theme;
}
