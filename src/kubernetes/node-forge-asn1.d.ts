/** The part of node-forge that is used here, without the rest of it, which is twenty times as large. */
declare module 'node-forge/lib/asn1.js' {
  import type forge from 'node-forge';

  const asn1: typeof forge.asn1;
  export = asn1;
}
