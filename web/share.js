import { encode } from '/console/qr.js';
import { announce } from './announce.js';
import { byId, setText } from './dom.js';

// The seller whose coupons a customer looks at is part of the address: `/?seller=NAME`. So a reload keeps it, and it can be shared.

export const sellerOfAddress = () => new URLSearchParams(location.search).get('seller') ?? '';

/** @param {string} seller or empty */
const pathOf = (seller) => (seller === '' ? '/' : `/?${new URLSearchParams({ seller })}`);

/** @param {string} seller or empty */
export const setSellerOfAddress = (seller) => history.replaceState(null, '', pathOf(seller));

const SVG = 'http://www.w3.org/2000/svg';
/** Modules of white around the code, as its standard asks for. */
const QUIET_ZONE = 4;

/**
 * A QR code as one path of squares. Built as elements: the page's policy forbids inline styles, and its colours must not follow the dark scheme.
 * @param {string} text
 */
function qrCode(text) {
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

/** The link to a seller's coupons, with a button that copies it, and as a QR code. */
export function openShare() {
  const link = byId('share-link', HTMLAnchorElement);
  byId('share-copy').addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(link.href);
      setText(byId('share-message'), 'Copied.');
    } catch {
      // Browsers offer the clipboard only to pages on this device and to pages with TLS.
      getSelection()?.selectAllChildren(link);
      setText(byId('share-message'), 'Selected. Press Ctrl+C or ⌘C to copy.');
    }
    announce(byId('share-message').textContent ?? '');
  });
  return {
    /** @param {string} seller */
    show(seller) {
      link.href = new URL(pathOf(seller), location.href).href;
      setText(link, link.href);
      setText(byId('share-message'), '');
      byId('share-qr').replaceChildren(qrCode(link.href));
    },
  };
}
