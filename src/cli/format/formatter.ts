/** How results are printed. A formatter gets a result's columns, then its rows, then its end. */
import type { ResultColumn } from '../../../connectors/connector.ts';

export interface Formatter {
  begin(columns: readonly ResultColumn[]): void;
  /** Cells in PostgreSQL's text form. */
  row(cells: readonly (string | null)[]): void;
  end(tag: string): void;
}

export type Write = (text: string) => void;

export type FormatName = 'table' | 'json' | 'csv';
export const FORMAT_NAMES: readonly FormatName[] = ['table', 'json', 'csv'];
