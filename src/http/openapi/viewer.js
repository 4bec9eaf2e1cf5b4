// Runs in the browser. The script has its own file because the page's policy allows no inline script.

// Swagger UI has dark colours, which it uses only on request.
const darkScheme = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', darkScheme.matches);
darkScheme.addEventListener('change', followScheme);
followScheme();

globalThis.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#document',
  deepLinking: true,
  // By default Swagger UI sends the document to a public validator.
  validatorUrl: null,
});
