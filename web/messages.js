// Sentences that the console shows in place of the messages of the API, each with the form field that it is about.

/** @type {Record<string, { field?: string, text: string }>} */
export const plainMessages = {
  'User name too short.': { field: 'username', text: 'Please enter a user name.' },
  'User name too long.': { field: 'username', text: 'A user name has at most 64 characters.' },
  'User name has unsupported characters.': {
    field: 'username',
    text: 'Please use only letters, digits and the characters . _ - @ in a user name.',
  },
  'Insert user failed. Maybe user name duplicates.': { field: 'username', text: 'This user name is already taken.' },
  'Password too short.': { field: 'password', text: 'The password needs at least six characters.' },
  'Password has unsupported characters.': {
    field: 'password',
    text: 'The password contains characters that cannot be stored.',
  },
  'Wrong password.': { field: 'present', text: 'Wrong password.' },
  'Empty field of kind.': { text: 'Please choose whether you want to sell or to grab coupons.' },
  'Too many failed log-ins. Try again later.': { text: 'Too many failed log-ins.' },
  'Too many registrations from this address. Try again later.': {
    text: 'Too many new users have registered from your network.',
  },
  'Too many requests of this user. Try again later.': { text: 'You have sent too many requests.' },
  'Too many requests from this address. Try again later.': {
    text: 'Too many requests have come from your network.',
  },
  'Too many new idempotency keys. Try again later.': { text: 'You have tried too many times today.' },
  'Wrong username or password.': { text: 'Wrong user name or password.' },
  'Coupon name or description should not be empty.': { field: 'name', text: 'Please enter a name for the coupon.' },
  'Coupon name too long.': { field: 'name', text: 'The name has at most 100 characters.' },
  'Coupon name has unsupported characters.': {
    field: 'name',
    text: 'The name must not contain a slash or invisible characters, nor begin or end with a space.',
  },
  'Create failed. Maybe (username,coupon name) duplicates': {
    field: 'name',
    text: 'You already have a coupon with this name.',
  },
  'This seller has as many coupons as one seller may have.': {
    text: 'You have as many coupons as one seller may have.',
  },
  'Amount field wrong format.': {
    field: 'amount',
    text: 'The number of pieces must be a whole number, 1 or more.',
  },
  'Stock field wrong format.': { field: 'stock', text: 'The face value must be a whole number, 0 or more.' },
  'Coupon description has unsupported characters.': {
    field: 'description',
    text: 'The description contains characters that cannot be stored.',
  },
  'Coupon description too long.': {
    field: 'description',
    text: 'The description is too long: it may have some 4,000 characters.',
  },
  'Request body too large.': { text: 'That is too much text. Please shorten it to some thousand characters.' },
  'Customers field wrong format: a whole number from 1 to 10000.': {
    field: 'customers',
    text: 'The number of customers must be a whole number from 1 to 10,000.',
  },
  'Seconds field wrong format: a whole number from 0 to 60.': {
    field: 'seconds',
    text: 'The duration must be a whole number from 0 to 60.',
  },
  'No such coupon.': { text: 'This coupon does not exist.' },
  'StartsAt field wrong format.': { field: 'startsAt', text: 'Please enter a date and a time.' },
  'EndsAt field wrong format.': { field: 'endsAt', text: 'Please enter a date and a time.' },
  'ValidFrom field wrong format.': { field: 'validFrom', text: 'Please enter a date and a time.' },
  'ValidUntil field wrong format.': { field: 'validUntil', text: 'Please enter a date and a time.' },
  'EndsAt should be after startsAt.': { field: 'endsAt', text: 'The sale must end after it starts.' },
  'ValidUntil should be after validFrom.': { field: 'validUntil', text: 'The validity must end after it starts.' },
  'PerCustomer field wrong format.': {
    field: 'perCustomer',
    text: 'The pieces for each customer must be a whole number from 1 to 1,000.',
  },
  'With this change, a window of the coupon would end before it starts.': {
    field: 'endsAt',
    text: 'With this change, the sale or the validity would end before it starts.',
  },
  'No term to change.': { text: 'Nothing has been changed.' },
  'The coupon is paused.': { text: 'The sale is already paused.' },
  'The coupon is not paused.': { text: 'The sale is not paused.' },
  'The coupon is closed.': { text: 'The sale is closed, which is final.' },
  'A coupon has at most 9007199254740991 pieces in all.': {
    field: 'amount',
    text: 'A coupon has at most 9,007,199,254,740,991 pieces in all.',
  },
  'The customer has no such piece.': { text: 'You do not have this coupon any more.' },
  'The customer has several pieces of this coupon: name the code of one.': {
    text: 'You have several pieces of this coupon. Please reload the page and choose one.',
  },
  'The code of this piece is redeemed.': { text: 'This coupon is already redeemed.' },
  'Empty field of code.': { field: 'code', text: 'Please type or scan a code.' },
  'Mistyped code.': { field: 'code', text: 'Mistyped: this is no code. Please check each character.' },
  'No such code.': { text: 'Unknown code: it is of no coupon of yours, or the customer has given the coupon back.' },
  'The code is redeemed already.': { text: 'Redeemed before.' },
  'The code is not redeemed.': { text: 'This code is not redeemed.' },
  'The code is not valid yet.': { text: 'Not valid yet.' },
  'The code is no longer valid.': { text: 'No longer valid.' },
  'A rehearsal is running already.': { text: 'A rehearsal is already running. Only one runs at a time.' },
  'Too many requests of this operator. Try again later.': { text: 'You have sent too many requests.' },
  'No such dead letter.': { text: 'The dead letter is gone: it is back in the outbox already.' },
  'No such subscription.': { text: 'This subscription does not exist.' },
  'The next event of the subscription is another one.': {
    text: 'This event is no longer the next one. Please look at the next event of the subscription.',
  },
  'Neither Redis nor MySQL has this coupon.': { text: 'Neither Redis nor MySQL has this coupon.' },
  'Another coupon is being verified.': { text: 'Another coupon is being verified. Please try again in a moment.' },
  'Reason field wrong format: 1 to 400 characters without control characters.': {
    field: 'reason',
    text: 'The reason may have up to 400 characters in one line.',
  },
  'Wrong format of id.': { field: 'id', text: 'An id has 32 hexadecimal digits and four hyphens.' },
  'Empty field of url.': { field: 'url', text: 'Please enter the URL of your system.' },
  'Url too long.': { field: 'url', text: 'A URL has at most 2,048 characters.' },
  'Url field wrong format.': { field: 'url', text: 'This is no URL. It should look like https://shop.example/events.' },
  'Url should begin with https.': { field: 'url', text: 'The URL must begin with https://.' },
  'Url should not contain a user or a password.': {
    field: 'url',
    text: 'Please leave out the user and the password. The secret shows who has sent an event.',
  },
  'The port of this url is not allowed.': { field: 'url', text: 'The port must be 443, or 1024 or higher.' },
  'The address of this url is not allowed.': { field: 'url', text: 'The URL must lead to a public address.' },
  'This user has as many webhooks as one user may have.': { text: 'You have as many webhooks as one seller may have.' },
  'No such webhook.': { text: 'This webhook does not exist any more.' },
  'No such delivery.': { text: 'This delivery is no longer in the log.' },
  'The secret of this webhook cannot be read: rotate it.': {
    text: 'The secret of this webhook is lost. Please choose “New secret”.',
  },
  'Too many tests and resends at once. Try again later.': { text: 'Too many tests are under way.' },
  // Both answers to a name that belongs to no seller: a customer's own coupons are not shown to others.
  'Record not found.': { field: 'seller', text: 'There is no seller with this name.' },
  'Cannot check other customer.': { field: 'seller', text: 'There is no seller with this name.' },
};

/** @type {Record<import('../src/live/figures.ts').LiveCoupon['status'], string>} */
export const statusTexts = {
  scheduled: 'scheduled',
  'on-sale': 'on sale',
  paused: 'paused',
  'sold-out': 'sold out',
  closed: 'closed',
  ended: 'ended',
};

/**
 * How a grab that was not unknown ended, by the header Grab-Outcome.
 * @type {Record<string, { text: string, outcome: 'grabbed' | 'refused' | 'waiting' }>}
 */
export const grabOutcomes = {
  grabbed: { text: 'Grabbed! This coupon is yours.', outcome: 'grabbed' },
  'already-grabbed': { text: 'You already have this coupon.', outcome: 'grabbed' },
  'sold-out': { text: 'Sold out.', outcome: 'refused' },
  'no-such-coupon': { text: 'This coupon does not exist.', outcome: 'refused' },
  'not-started': { text: 'The sale has not started yet.', outcome: 'waiting' },
  ended: { text: 'The sale has ended.', outcome: 'refused' },
  paused: { text: 'The sale is paused. Please try again later.', outcome: 'waiting' },
  closed: { text: 'The sale is closed.', outcome: 'refused' },
};
