/** `COPY … TO STDOUT` of the engine's rows, in PostgreSQL's three formats (its manual, COPY, "File Formats"). */
import type { CopyOptions } from '../statements/copy.ts';
import { ROWS_PER_STEP } from '../values/encoded-column.ts';
import { copyData, copyDone, copyOutResponse } from '../wire/backend.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import type { EngineRows } from './engine-rows.ts';
import type { RowSource } from './row-source.ts';
import type { Sink } from './sink.ts';

/** In place of a row's number of fields. */
const END = Buffer.from([255, 255]);
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

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
    const fields = new MessageWriter();
    const line = binary ? undefined : lineWriter(this.#options, columns);
    if (header && line !== undefined) {
      for (const { name } of columns) fields.int32(Buffer.byteLength(name)).bytes(Buffer.from(name));
      line(fields.take(), 1, sink.writer, true);
    }
    for (let rows = await this.#rows.nextRows(); rows !== undefined; rows = await this.#rows.nextRows()) {
      const to = Math.min(rows.length, this.#rows.next + ROWS_PER_STEP);
      // One message per row: clients count on it.
      if (line === undefined) {
        let from = this.#rows.next;
        // The signature stands before the first row, in one message with it: clients cut it off there.
        if (this.#count === 0 && from < to) {
          fields.bytes(SIGNATURE).int16(columns.length);
          rows.write(fields, from, from + 1, 'none');
          copyData(sink.writer, fields.take());
          from++;
        }
        rows.write(sink.writer, from, to, 'd');
      } else {
        fields.offset = 0;
        rows.write(fields, this.#rows.next, to, 'none');
        line(fields.buffer.subarray(0, fields.offset), to - this.#rows.next, sink.writer, false);
      }
      this.#count += to - this.#rows.next;
      this.#rows.advance(to);
      await sink.drain();
    }
    if (binary) copyData(sink.writer, this.#count === 0 ? Buffer.concat([SIGNATURE, END]) : END);
    copyDone(sink.writer);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rows[Symbol.asyncDispose]();
  }
}

/** Writes the length-prefixed `fields` of rows as one CopyData with a line of text or CSV each. */
type LineWriter = (fields: Buffer, rows: number, to: MessageWriter, header: boolean) => void;
const LINE_END = Buffer.from('\n');

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
  return (fields, rows, to, header) => {
    let text = '';
    if (columns.length === 0) for (let row = 0; row < rows; row++) copyData(to, LINE_END);
    for (let at = 0, i = 0; at < fields.length; ) {
      const length = fields.readInt32BE(at);
      at += 4;
      if (length === -1) text += options.null;
      else {
        special.lastIndex = 0;
        text += field(fields.toString('utf8', at, at + length), forced[i] === true && !header);
        at += length;
      }
      i++;
      if (i < columns.length) text += options.delimiter;
      else {
        copyData(to, Buffer.from(`${text}\n`));
        text = '';
        i = 0;
      }
    }
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
