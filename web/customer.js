import { openOffers } from './customer/offers.js';
import { openOwned } from './customer/owned.js';
import { byId } from './dom.js';
import { FieldError, openForm } from './forms.js';
import { ApiError } from './server/api.js';
import { sellerOfAddress, setSellerOfAddress } from './share.js';

/** A customer's page: find a seller's coupons, grab them, and list the customer's own. */
export function openCustomer() {
  const owned = openOwned();
  const offers = openOffers(owned);
  owned.onChange(offers.showOwned);
  let customer = '';

  const find = openForm('find-form', 'find-message', async ({ seller = '' }, { signal, onRetry }) => {
    offers.stop();
    if (seller === '') throw new FieldError('seller', 'Please enter the name of a seller.');
    // A customer's own name would list the coupons that the customer has, not coupons for sale.
    if (seller === customer) throw new ApiError('Record not found.', { isRefusal: true });
    const stop = () => offers.stop();
    signal.addEventListener('abort', stop);
    await offers.open(seller, onRetry);
    signal.removeEventListener('abort', stop);
    setSellerOfAddress(seller);
  });

  return {
    /** @param {string} username */
    start(username) {
      customer = username;
      owned.start(username);
      const seller = sellerOfAddress();
      if (seller === '') return;
      byId('find-seller', HTMLInputElement).value = seller;
      find.form.requestSubmit();
    },
    stop() {
      find.reset();
      offers.stop();
      owned.stop();
    },
  };
}
