/** A table for a document: text in the first column, figures in the others. */
export const markdown = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [row(head), row(head.map((_, column) => (column === 0 ? '---' : '--:'))), ...rows.map(row)].join('\n');

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
