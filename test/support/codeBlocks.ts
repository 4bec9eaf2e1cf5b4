/** The code blocks of a Markdown document that are marked with this language, without their fences. */
export const codeBlocks = (document: string, language: string): string[] =>
  [...document.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].flatMap(([, marked, code = '']) =>
    marked === language ? [code] : [],
  );
