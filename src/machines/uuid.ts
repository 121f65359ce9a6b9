const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What boards carry whose maker never wrote a uuid of their own; many machines have the same. */
const PLACEHOLDERS = [
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  '01234567-8910-1112-1314-151617181920',
];
const PLACEHOLDER_START = '12345678-';
/** A real one has more different digits than zeros, ones, or a repeated pattern. */
const FEWEST_DIGITS = 5;

/** A machine's SMBIOS uuid in lower case when it can tell machines apart; undefined for junk that many boards share. */
export function credibleUuid(uuid: string | undefined): string | undefined {
  const text = uuid?.toLowerCase();
  if (text === undefined || !UUID.test(text)) return undefined;
  if (PLACEHOLDERS.includes(text) || text.startsWith(PLACEHOLDER_START)) return undefined;
  return new Set(text.replaceAll('-', '')).size < FEWEST_DIGITS ? undefined : text;
}
