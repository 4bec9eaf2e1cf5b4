import { filesOf, type Sources } from './staticFiles.ts';

const web = new URL('../../web/', import.meta.url);

/** The console: its page at `/`, all else under `/console/`. Charts come from uPlot as its package has them. */
export function consoleFiles(): Sources {
  const { '/console/index.html': page, ...assets } = filesOf(web, '/console/');
  if (page === undefined) throw new Error('web/index.html is missing');
  return {
    '/': page,
    ...assets,
    '/console/uPlot.js': new URL(import.meta.resolve('uplot/dist/uPlot.esm.js')),
    '/console/uPlot.css': new URL(import.meta.resolve('uplot/dist/uPlot.min.css')),
  };
}
