import { filesIn, type Sources } from './staticFiles.ts';

const web = new URL('../../web/', import.meta.url);

/** The console: its page at `/`, its other files and the uPlot package under `/console/`. */
export function consoleFiles(): Sources {
  const { '/console/index.html': page, ...assets } = filesIn(web, '/console/');
  if (page === undefined) throw new Error('web/index.html is missing');
  return {
    '/': page,
    ...assets,
    '/console/uPlot.js': new URL(import.meta.resolve('uplot/dist/uPlot.esm.js')),
    '/console/uPlot.css': new URL(import.meta.resolve('uplot/dist/uPlot.min.css')),
  };
}
