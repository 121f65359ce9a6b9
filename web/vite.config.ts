import { defineConfig } from 'vite';

// biome-ignore lint/style/noDefaultExport: Vite reads the default export
export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // CSS's light-dark() and nesting as they are written.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // A data: URL would be refused by the Content-Security-Policy that the page is served with.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:9080' } },
});
