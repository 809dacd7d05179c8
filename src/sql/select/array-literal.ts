/** PostgreSQL's text form of arrays: `{1,NULL,"a b"}`. */

/**
 * The elements of an array's text, null for NULL; undefined for text that is none, or an array of arrays.
 */
export function arrayElements(text: string): readonly (string | null)[] | undefined {
  const body = /^\s*\{([\s\S]*)\}\s*$/.exec(text)?.[1];
  if (body === undefined) return undefined;
  const elements: (string | null)[] = [];
  const element = /\s*(?:"((?:[^"\\]|\\[\s\S])*)"|((?:[^",{}\\\s]|\\[\s\S])(?:[^",{}\\]|\\[\s\S])*))\s*(,|$)/y;
  if (body.trim() === '') return elements;
  for (;;) {
    const found = element.exec(body);
    if (found === null) return undefined;
    const [, quoted, bare, end] = found;
    const plain = (quoted ?? bare!.trimEnd()).replace(/\\([\s\S])/g, '$1');
    elements.push(quoted === undefined && plain.toUpperCase() === 'NULL' ? null : plain);
    if (end === '') return elements;
  }
}
