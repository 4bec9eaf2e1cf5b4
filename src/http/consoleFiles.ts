import { filesIn, type Sources } from './staticFiles.ts';

const web = new URL('../../web/', import.meta.url);

/** Folders under web/ whose files are served under the same names. */
const folders = ['', 'styles/', 'server/', 'seller/', 'customer/'];

/** The console: its page at `/`; its other files, uPlot and the QR code under `/console/`. */
export function consoleFiles(): Sources {
  const files = Object.assign({}, ...folders.map((folder) => filesIn(new URL(folder, web), `/console/${folder}`)));
  const { '/console/index.html': page, ...assets } = files as Record<string, URL>;
  if (page === undefined) throw new Error('web/index.html is missing');
  return {
    '/': page,
    ...assets,
    '/console/uPlot.js': new URL(import.meta.resolve('uplot/dist/uPlot.esm.js')),
    '/console/uPlot.css': new URL(import.meta.resolve('uplot/dist/uPlot.min.css')),
    '/console/qr.js': new URL(import.meta.resolve('uqr')),
  };
}
