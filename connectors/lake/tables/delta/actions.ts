/**
 * The actions of Delta's log that a reader needs (delta-io/delta PROTOCOL.md, "Actions"), and what a reader must refuse.
 */
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';

export interface Protocol {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[];
  readonly writerFeatures?: readonly string[];
}

export interface Metadata {
  readonly id: string;
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration?: Readonly<Record<string, string>>;
}

export interface DeletionVector {
  /** `u`: a file in the table, by UUID; `p`: a file by absolute path; `i`: inline. */
  readonly storageType: string;
  readonly pathOrInlineDv: string;
  readonly offset?: number;
  readonly sizeInBytes: number;
  readonly cardinality: number;
}

export interface AddFile {
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  /** JSON. */
  readonly stats?: string;
  readonly deletionVector?: DeletionVector;
}

export interface RemoveFile {
  readonly path: string;
  readonly deletionVector?: DeletionVector;
}

export interface Action {
  readonly protocol?: Protocol;
  readonly metaData?: Metadata;
  readonly add?: AddFile;
  readonly remove?: RemoveFile;
  readonly commitInfo?: { readonly timestamp?: number; readonly inCommitTimestamp?: number };
  readonly sidecar?: { readonly path: string; readonly sizeInBytes: number };
}

/** Reader features that are understood. `variantType` and others would change what rows mean. */
const KNOWN_FEATURES = new Set([
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'v2Checkpoint',
  'vacuumProtocolCheck',
  'typeWidening',
  'typeWidening-preview',
]);

/** @throws CausewayError 0A000 naming what this reader does not know. */
export function assertReadable(protocol: Protocol, table: string): void {
  const unknown = (protocol.readerFeatures ?? []).filter((feature) => !KNOWN_FEATURES.has(feature));
  if (protocol.minReaderVersion <= 3 && unknown.length === 0) return;
  const what =
    unknown.length > 0 ? `the reader features ${unknown.join(', ')}` : `reader version ${protocol.minReaderVersion}`;
  throw new CausewayError(
    SQLSTATE.featureNotSupported,
    `the Delta table "${table}" needs ${what}, unknown to this version`,
    {
      hint: 'Drop the feature from the table (ALTER TABLE … DROP FEATURE), or copy it without it.',
    },
  );
}

/** What identifies a logical file: the same path with another deletion vector is another one. */
export const fileId = ({ path, deletionVector: dv }: RemoveFile): string =>
  dv === undefined || dv === null ? path : `${path} ${dv.storageType}${dv.pathOrInlineDv}@${dv.offset ?? ''}`;
