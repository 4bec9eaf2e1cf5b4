import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { resolve } = createRequire(import.meta.url);
const ours = (file: string) => fileURLToPath(new URL(file, import.meta.url));

export const viewerPage = { type: 'text/html', path: ours('viewer.html') };

/** All that the page needs, by its name under /docs. Nothing else is served from there. */
export const viewerFiles: Record<string, { type: string; path: string }> = {
  'viewer.js': { type: 'text/javascript', path: ours('viewer.js') },
  'swagger-ui-bundle.js': { type: 'text/javascript', path: resolve('swagger-ui-dist/swagger-ui-bundle.js') },
  'swagger-ui.css': { type: 'text/css', path: resolve('swagger-ui-dist/swagger-ui.css') },
  'favicon.png': { type: 'image/png', path: resolve('swagger-ui-dist/favicon-32x32.png') },
};
