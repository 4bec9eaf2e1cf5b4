// Runs in the browser. The script has its own file because the page's policy allows no inline script.
globalThis.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#document',
  deepLinking: true,
  // By default Swagger UI sends the document to a public validator.
  validatorUrl: null,
});
