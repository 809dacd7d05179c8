/** `COPY … TO STDOUT` of the engine's rows, in PostgreSQL's three formats (its manual, COPY, "File Formats"). */
import type { CopyOptions } from '../statements/copy.ts';
import { copyData, copyDone, copyOutResponse } from '../wire/backend.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import type { EngineRows } from './engine-rows.ts';
import type { RowSource } from './row-source.ts';
import type { Sink } from './sink.ts';

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const ROWS_PER_STEP = 256;

export class CopyRows implements RowSource {
  readonly fields = undefined;
  readonly formats = [];
  readonly #rows: EngineRows;
  readonly #options: CopyOptions;
  #count = 0;

  /** @param rows in text format, or in binary for a binary COPY */
  constructor(rows: EngineRows, options: CopyOptions) {
    this.#rows = rows;
    this.#options = options;
  }

  get sent(): number {
    return this.#count;
  }

  get tag(): string {
    return `COPY ${this.#count}`;
  }

  async send(sink: Sink): Promise<boolean> {
    const { format, header } = this.#options;
    const { columns } = this.#rows;
    const binary = format === 'binary';
    copyOutResponse(sink.writer, binary ? 'binary' : 'text', columns.length);
    const scratch = new MessageWriter();
    if (binary) scratch.bytes(SIGNATURE);
    const line = binary ? undefined : lineWriter(this.#options, columns);
    if (header && line !== undefined) {
      const names = new MessageWriter();
      for (const { name } of columns) names.int32(Buffer.byteLength(name)).bytes(Buffer.from(name));
      line(names.take(), scratch, true);
    }
    const fields = new MessageWriter();
    for (let rows = await this.#rows.nextRows(); rows !== undefined; rows = await this.#rows.nextRows()) {
      const to = Math.min(rows.length, this.#rows.next + ROWS_PER_STEP);
      for (let row = this.#rows.next; row < to; row++) {
        if (line === undefined) rows.fields(scratch.int16(columns.length), row);
        else {
          fields.offset = 0;
          rows.fields(fields, row);
          line(fields.buffer.subarray(0, fields.offset), scratch, false);
        }
        // One message per row: clients count on it.
        copyData(sink.writer, scratch.buffer.subarray(0, scratch.offset));
        scratch.offset = 0;
      }
      this.#count += to - this.#rows.next;
      this.#rows.advance(to);
      await sink.drain();
    }
    if (binary) scratch.int16(-1);
    if (scratch.offset > 0) copyData(sink.writer, scratch.take());
    copyDone(sink.writer);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rows[Symbol.asyncDispose]();
  }
}

/** Writes the length-prefixed `fields` of one row as one line of text or CSV. */
type LineWriter = (fields: Buffer, to: MessageWriter, header: boolean) => void;

function lineWriter(options: CopyOptions, columns: readonly { readonly name: string }[]): LineWriter {
  const csv = options.format === 'csv';
  const forced = columns.map(({ name }) => options.forceQuote.includes('*') || options.forceQuote.includes(name));
  const special = csv
    ? new RegExp(`[${escapeClass(options.delimiter + options.quote)}\\r\\n]`)
    : new RegExp(`[\\\\\\b\\f\\n\\r\\t\\v${escapeClass(options.delimiter)}]`, 'g');
  const quoted = new RegExp(`[${escapeClass(options.quote + options.escape)}]`, 'g');
  const field = (text: string, force: boolean): string => {
    if (!csv) return special.test(text) ? text.replace(special, backslashed) : text;
    // What would read as NULL, or end a COPY, is quoted.
    if (!force && text !== options.null && text !== '\\.' && !special.test(text)) return text;
    return options.quote + text.replace(quoted, (char) => options.escape + char) + options.quote;
  };
  return (fields, to, header) => {
    const parts: string[] = [];
    for (let at = 0, i = 0; at < fields.length; i++) {
      const length = fields.readInt32BE(at);
      at += 4;
      if (length === -1) parts.push(options.null);
      else {
        special.lastIndex = 0;
        parts.push(field(fields.toString('utf8', at, at + length), forced[i] === true && !header));
        at += length;
      }
    }
    to.bytes(Buffer.from(`${parts.join(options.delimiter)}\n`));
  };
}

const escapeClass = (characters: string): string => characters.replace(/[\\\]^-]/g, '\\$&');

const LETTERS: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};
const backslashed = (character: string): string => LETTERS[character] ?? `\\${character}`;
