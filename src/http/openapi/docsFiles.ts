import type { Sources } from '../staticFiles.ts';

const ours = (name: string) => new URL(name, import.meta.url);
const ofSwaggerUi = (name: string) => new URL(import.meta.resolve(`swagger-ui-dist/${name}`));

export const viewerPage = ours('viewer.html');

/** All that the page needs, by its name under /docs. Nothing else is served from there. */
export const viewerFiles: Record<string, URL> = {
  'viewer.js': ours('viewer.js'),
  'swagger-ui-bundle.js': ofSwaggerUi('swagger-ui-bundle.js'),
  'swagger-ui.css': ofSwaggerUi('swagger-ui.css'),
  'favicon.png': ofSwaggerUi('favicon-32x32.png'),
};

/** `/openapi.json`, and the page that shows it. */
export const docsFiles: Sources = {
  '/openapi.json': {
    type: 'application/json',
    async make() {
      // Loaded now as well: only who asks for the document pays for it.
      const { createDocument } = await import('./document.ts');
      return JSON.stringify(createDocument());
    },
  },
  '/docs': viewerPage,
  ...Object.fromEntries(Object.entries(viewerFiles).map(([name, file]) => [`/docs/${name}`, file])),
};
