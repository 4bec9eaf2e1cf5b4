// Runs in the browser. A file of its own, since the page allows no script that stands in it.
globalThis.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#document',
  deepLinking: true,
  // Its default asks a server of others.
  validatorUrl: null,
});
