import { encode } from '/console/qr.js';

const SVG = 'http://www.w3.org/2000/svg';
/** Modules of white around the code, as its standard asks for. */
const QUIET_ZONE = 4;

/**
 * A QR code as one path of squares. Built as elements: the page's policy forbids inline styles, and its colours must not follow the dark scheme.
 * @param {string} text
 */
export function qrCode(text) {
  const { size, data } = encode(text, { ecc: 'M', border: QUIET_ZONE });
  const squares = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('shape-rendering', 'crispEdges');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', squares.join(''));
  svg.append(path);
  return svg;
}
