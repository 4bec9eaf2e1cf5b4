// The token of the operator. sessionStorage survives a reload and ends with the tab. The token is sent in a header alone: a URL ends up in
// histories and logs.

const KEY = 'seckill operator';

export const readToken = () => sessionStorage.getItem(KEY) ?? undefined;
/** @param {string} token */
export const saveToken = (token) => sessionStorage.setItem(KEY, token);
export const clearToken = () => sessionStorage.removeItem(KEY);
