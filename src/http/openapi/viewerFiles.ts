const ours = (name: string) => new URL(name, import.meta.url);
const ofSwaggerUi = (name: string) => new URL(import.meta.resolve(`swagger-ui-dist/${name}`));

export const viewerPage = ours('viewer.html');

/** The files of the page, by their names under /docs. No other file is served there. */
export const viewerFiles: Record<string, URL> = {
  'viewer.js': ours('viewer.js'),
  'swagger-ui-bundle.js': ofSwaggerUi('swagger-ui-bundle.js'),
  'swagger-ui.css': ofSwaggerUi('swagger-ui.css'),
  'favicon.png': ofSwaggerUi('favicon-32x32.png'),
};
