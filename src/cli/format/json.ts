/** One JSON value per statement and line: an array of row objects, or `{"status": tag}` for statements without rows. */
import type { ResultColumn } from '../../../connectors/connector.ts';
import type { SqlType } from '../../plan/types.ts';
import type { Formatter, Write } from './formatter.ts';

export function jsonFormatter(write: Write): Formatter {
  let columns: readonly ResultColumn[] = [];
  let first = true;
  return {
    begin(next) {
      columns = next;
      first = true;
      if (columns.length > 0) write('[');
    },
    row(cells) {
      const members = cells.map(
        (text, i) => `${JSON.stringify(columns[i]!.name)}:${jsonValue(text, columns[i]!.type)}`,
      );
      write(`${first ? '' : ',\n '}{${members.join(',')}}`);
      first = false;
    },
    end: (tag) => write(columns.length > 0 ? ']\n' : `${JSON.stringify({ status: tag })}\n`),
  };
}

/** Numbers as JSON numbers where JSON can hold them (bigint and numeric keep all their digits), JSON as itself. */
function jsonValue(text: string | null, type: SqlType): string {
  if (text === null) return 'null';
  switch (type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'real':
    case 'double':
    case 'numeric':
      return /^-?\d/.test(text) ? text : JSON.stringify(text);
    case 'boolean':
      return text === 't' || text === 'true' ? 'true' : 'false';
    case 'json':
    case 'jsonb':
      return text;
    default:
      return JSON.stringify(text);
  }
}
