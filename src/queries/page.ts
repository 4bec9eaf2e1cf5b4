export const PAGE_SIZE = 20;

/** First and last rank of a page, both inclusive, counted from 0. Pages count from 1. */
export const ranksOf = (page: number) => ({ first: (page - 1) * PAGE_SIZE, last: page * PAGE_SIZE - 1 });
