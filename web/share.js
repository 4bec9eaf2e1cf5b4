import { announce } from './announce.js';
import { byId, setText } from './dom.js';
import { qrCode } from './qrCode.js';

// The seller whose coupons a customer looks at is part of the address: `/?seller=NAME`. So a reload keeps it, and it can be shared.

export const sellerOfAddress = () => new URLSearchParams(location.search).get('seller') ?? '';

/** @param {string} seller or empty */
const pathOf = (seller) => (seller === '' ? '/' : `/?${new URLSearchParams({ seller })}`);

/** @param {string} seller or empty */
export const setSellerOfAddress = (seller) => history.replaceState(null, '', pathOf(seller));

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
