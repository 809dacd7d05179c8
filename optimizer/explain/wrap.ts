/** Statements in lines of a given width: a new line where a clause begins, and where a line would become too long. */

const CLAUSES = ['FROM', 'WHERE', 'GROUP BY', 'HAVING', 'ORDER BY', 'LIMIT', 'OFFSET', 'UNION', 'INTERSECT', 'EXCEPT'];

/** The statement in lines of at most `width` characters, unless a single word is longer. */
export function wrapped(statement: string, width: number): readonly string[] {
  if (statement.length <= width) return [statement];
  return clauses(statement).flatMap((clause, i) => filled(clause, width, i === 0 ? '' : '  '));
}

/** Cut before each clause of the outermost SELECT. */
function clauses(statement: string): readonly string[] {
  const cuts: number[] = [0];
  let depth = 0;
  for (let i = 0; i < statement.length; i++) {
    const c = statement[i]!;
    if (c === "'" || c === '"') {
      const end = statement.indexOf(c, i + 1);
      if (end < 0) break;
      i = end;
    } else if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (depth === 0 && c === ' ' && CLAUSES.some((word) => statement.startsWith(`${word} `, i + 1)))
      cuts.push(i + 1);
  }
  return cuts.map((from, i) => statement.slice(from, cuts[i + 1]).trimEnd());
}

/** Words in lines of at most `width` characters, unless a single word is longer; lines after the first are indented. */
export function filled(text: string, width: number, indent = ''): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `${indent}  ${word}`;
    } else line = line === '' ? indent + word : `${line} ${word}`;
  }
  return [...lines, line];
}
