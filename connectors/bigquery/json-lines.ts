/** Batches as lines of JSON, in the spellings that a load job of BigQuery reads. */
import type { RecordBatch } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import type { ResultColumn } from '../connector.ts';
import { batchTexts } from '../row-text.ts';

export function jsonLines(batch: RecordBatch, columns: readonly ResultColumn[]): string {
  const texts = batchTexts(batch, columns);
  const keys = columns.map(({ name }) => JSON.stringify(name));
  const spell = columns.map(spelling);
  const lines: string[] = [];
  for (let row = 0; row < batch.numRows; row++) {
    const members: string[] = [];
    for (const [i, read] of texts.entries()) {
      const text = read(row);
      if (text !== null) members.push(`${keys[i]}:${spell[i]!(text)}`);
    }
    lines.push(`{${members.join(',')}}\n`);
  }
  return lines.join('');
}

/** Decimals that a BIGNUMERIC keeps; further ones would be rounded without a word. */
const MOST_DECIMALS = 38;

/** PostgreSQL's text form as a JSON value. Numbers are texts, so that none passes for a double. */
function spelling({ name, type }: ResultColumn): (text: string) => string {
  switch (type.kind) {
    case 'boolean':
      return (text) => (text === 't' ? 'true' : 'false');
    case 'json':
    case 'jsonb':
      return (text) => text.replaceAll('\n', ' ');
    case 'bytea':
      return (text) => JSON.stringify(Buffer.from(text.slice(2), 'hex').toString('base64'));
    case 'timestamptz':
      return (text) => JSON.stringify(text.replace('+00', 'Z'));
    case 'interval':
      return (text) => JSON.stringify(intervalSpelling(text));
    case 'numeric':
      if (type.precision === undefined) {
        return (text) => {
          if ((text.split('.')[1] ?? '').length > MOST_DECIMALS) throw tooFine(name, text, type);
          return JSON.stringify(text);
        };
      }
      return JSON.stringify;
    default:
      return (text) => JSON.stringify(text);
  }
}

/** `1 year 2 mons -3 days +04:05:06.7` as `1-2 -3 4:5:6.7` (GoogleSQL's canonical format of intervals). */
export function intervalSpelling(text: string): string {
  const amount = (unit: string) => Number(new RegExp(`([+-]?\\d+) ${unit}`).exec(text)?.[1] ?? 0);
  const months = amount('year') * 12 + amount('mon');
  const [, sign = '', hours = '0', minutes = '0', seconds = '0'] =
    /([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?)/.exec(text) ?? [];
  const whole = Math.abs(months);
  const date = `${months < 0 ? '-' : ''}${Math.trunc(whole / 12)}-${whole % 12} ${amount('day')}`;
  return `${date} ${sign === '-' ? '-' : ''}${Number(hours)}:${Number(minutes)}:${seconds.replace(/^0(?=\d)/, '')}`;
}

const tooFine = (name: string, text: string, type: SqlType) =>
  new CausewayError(
    SQLSTATE.numericValueOutOfRange,
    `column "${name}" holds ${text}, which is out of range for type ${type.kind} in BigQuery`,
    { hint: `Round it to ${MOST_DECIMALS} decimals, or cast it to text.` },
  );
