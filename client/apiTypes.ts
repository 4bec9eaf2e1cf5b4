import openapiTypes, { astToString } from 'openapi-typescript';
import { createDocument } from '../src/http/openapi/document.ts';

export const apiTypesFile = new URL('api.d.ts', import.meta.url);

/** What api.d.ts has to hold: the OpenAPI document as TypeScript types. */
export async function apiTypes(): Promise<string> {
  const types = astToString(await openapiTypes(JSON.stringify(createDocument())));
  return `// Made by \`npm run client\` from the OpenAPI document.\n\n${types}`;
}
