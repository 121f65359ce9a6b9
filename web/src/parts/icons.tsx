import type { ComponentChildren } from 'preact';

function Icon({ children }: { readonly children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export function SunIcon() {
  return (
    <Icon>
      <circle cx="8" cy="8" r="2.8" />
      <path d="M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1" />
    </Icon>
  );
}

export function MoonIcon() {
  return (
    <Icon>
      <path d="M13.2 9.7A5.6 5.6 0 0 1 6.3 2.8a5.6 5.6 0 1 0 6.9 6.9Z" />
    </Icon>
  );
}

export function AutoIcon() {
  return (
    <Icon>
      <circle cx="8" cy="8" r="5.6" />
      <path class="filled" d="M8 2.4a5.6 5.6 0 0 1 0 11.2Z" />
    </Icon>
  );
}

export function CloseIcon() {
  return (
    <Icon>
      <path d="m4 4 8 8M12 4l-8 8" />
    </Icon>
  );
}

export function BackIcon() {
  return (
    <Icon>
      <path d="M10 3 5 8l5 5" />
    </Icon>
  );
}

/** A seedling in a rack. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <rect class="mark-rack" x="3" y="13" width="18" height="3.6" rx="1.2" />
      <rect class="mark-rack" x="3" y="18.4" width="18" height="3.6" rx="1.2" />
      <path class="mark-stem" d="M12 13V8" />
      <path class="mark-leaf" d="M12 8.6C12 5 9.4 3 5.6 3c0 3.8 2.6 5.6 6.4 5.6Z" />
      <path class="mark-leaf" d="M12 10c0-3 2.2-4.8 5.8-4.8 0 3.2-2.2 4.8-5.8 4.8Z" />
    </svg>
  );
}
