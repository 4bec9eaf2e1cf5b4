import type { Sources } from '../staticFiles.ts';
import { viewerFiles, viewerPage } from './viewerFiles.ts';

/** The files under `/openapi.json`, `/asyncapi.json` and `/docs`. */
export const docsFiles: Sources = {
  '/openapi.json': {
    type: 'application/json',
    async make() {
      // Imported on the first request for the document, so that a server without such a request never builds it.
      const { createDocument } = await import('./document.ts');
      return JSON.stringify(createDocument());
    },
  },
  '/asyncapi.json': {
    type: 'application/json',
    async make() {
      const { createAsyncDocument } = await import('./asyncDocument.ts');
      return JSON.stringify(createAsyncDocument());
    },
  },
  '/docs': viewerPage,
  ...Object.fromEntries(Object.entries(viewerFiles).map(([name, file]) => [`/docs/${name}`, file])),
};
