/** The releases of Node that the tests run on beside the one at hand, by major. The last one is the current LTS, as the image has it. */
export const nodeReleases: Record<string, string> = { 22: '22.23.3', 24: '24.21.0', 26: '26.12.1' };

export const currentLts = Object.keys(nodeReleases).at(-1) ?? '';
