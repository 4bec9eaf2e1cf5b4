/** The releases of Node that `npm run test:nodes` tests, by major version. The last one is the current LTS, which the image runs. */
export const nodeReleases = new Map([
  ['22', '22.23.3'],
  ['24', '24.21.0'],
  ['26', '26.12.1'],
]);

export const [currentLts = '', currentLtsVersion = ''] = [...nodeReleases].at(-1) ?? [];
