import type { Sources } from '../staticFiles.ts';
import { viewerFiles, viewerPage } from './viewerFiles.ts';

/** `/openapi.json`, and the page that shows it. */
export const docsFiles: Sources = {
  '/openapi.json': {
    type: 'application/json',
    async make() {
      // Imported on the first request for the document, so that a server that is never asked for it does not build it.
      const { createDocument } = await import('./document.ts');
      return JSON.stringify(createDocument());
    },
  },
  '/docs': viewerPage,
  ...Object.fromEntries(Object.entries(viewerFiles).map(([name, file]) => [`/docs/${name}`, file])),
};
