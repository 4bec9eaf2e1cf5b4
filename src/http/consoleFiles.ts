import { filesIn, type Sources } from './staticFiles.ts';

const web = new URL('../../web/', import.meta.url);

/** Folders under web/ whose files are served under the same names. */
const folders = ['', 'styles/', 'server/', 'seller/', 'customer/'];

/** The folders that the page of operators needs. */
const operatorFolders = ['', 'styles/', 'server/', 'operator/'];

const filesOf = (names: readonly string[]): Record<string, URL> =>
  Object.assign({}, ...names.map((folder) => filesIn(new URL(folder, web), `/console/${folder}`)));

/** The page of operators at `/operator`, and its other files under `/console/`. */
export function operatorFiles(): Sources {
  const { '/console/operator.html': page, '/console/index.html': _, ...assets } = filesOf(operatorFolders);
  if (page === undefined) throw new Error('web/operator.html is missing');
  return { '/operator': page, ...assets };
}

/** The console: its page at `/`; its other files, uPlot and the QR code under `/console/`. */
export function consoleFiles(): Sources {
  const { '/console/index.html': page, '/console/operator.html': _, ...assets } = filesOf(folders);
  if (page === undefined) throw new Error('web/index.html is missing');
  return {
    '/': page,
    ...assets,
    '/console/uPlot.js': new URL(import.meta.resolve('uplot/dist/uPlot.esm.js')),
    '/console/uPlot.css': new URL(import.meta.resolve('uplot/dist/uPlot.min.css')),
    '/console/qr.js': new URL(import.meta.resolve('uqr')),
  };
}
