import { z } from 'zod';
import { encodingHint } from '../infra/stores/urlParameters.ts';

// Kinds of values that several settings have. Each reads the text of an environment variable.

export const givenNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .catch(Number.NaN)
    .refine(Number.isInteger, `expected a whole number from ${min} to ${max}`);
export const wholeNumber = (min: number, max: number, fallback: number) => givenNumber(min, max).default(fallback);

export const urlOf = (...schemes: string[]) => urlsOf((text) => [text], ...schemes);

/** A URL that `split` parts into several, such as one for each host. */
export const urlsOf = (split: (text: string) => readonly string[], ...schemes: string[]) =>
  z
    .string()
    .refine((text) => split(text).every((url) => URL.canParse(url) && schemes.includes(new URL(url).protocol)), {
      error: ({ input }) =>
        `expected a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}${encodingHint(String(input))}`,
    })
    .optional();

export const flag = z.enum(['0', '1'], 'expected 0 or 1');
