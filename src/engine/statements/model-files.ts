/** EXPORT MODEL m TO 'file' and IMPORT MODEL m FROM 'file'. */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { CausewayError, messageOf, SQLSTATE } from '../../plan/errors.ts';
import type { ExportModel, ImportModel } from '../../sql/statements/statement.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';
import type { StatementContext } from '../session.ts';
import { EXPORT_FORMATS, exportModel, importModel } from '../training/exported-model.ts';
import { requireModel } from './models.ts';

/** A larger file is no model of ours: the largest network has fewer than 2³⁰ weights. */
const MAX_FILE_BYTES = 2 ** 32;

/** Written under a temporary name and renamed: a file of that name is the whole model, or the one that was there. */
export function exportModelTo({ name, path }: ExportModel, { engine, locate }: StatementContext): StatementResult {
  const model = requireModel(engine, name.value);
  const format = EXPORT_FORMATS.find((each) => each === extname(path.value).toLowerCase());
  if (format === undefined) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `'${path.value}' does not say what to write`, {
      position: locate(path.offset),
      hint: `End the name with ${EXPORT_FORMATS.join(', ')}.`,
    });
  }
  const bytes = exportModel(model, engine.catalog.models.weights(model), format);
  const temporary = `${path.value}.partial`;
  try {
    writeFileSync(temporary, bytes);
    renameSync(temporary, path.value);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new CausewayError(SQLSTATE.ioError, `the file ${path.value} cannot be written: ${messageOf(cause)}`, {
      position: locate(path.offset),
      cause,
    });
  }
  return done('EXPORT MODEL');
}

export function importModelFrom(
  { name, path, orReplace }: ImportModel,
  { engine, locate }: StatementContext,
): StatementResult {
  if (!orReplace && engine.catalog.models.get(name.value) !== undefined) {
    throw new CausewayError(SQLSTATE.duplicateObject, `there is a model "${name.value}" already`, {
      position: locate(name.offset),
      hint: `Say IMPORT OR REPLACE MODEL ${name.value} to make a new version of it.`,
    });
  }
  engine.catalog.models.add(importModel(name.value, readModelFile(path.value, locate(path.offset))));
  engine.changed();
  return done('IMPORT MODEL');
}

function readModelFile(path: string, position: ReturnType<StatementContext['locate']>): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new Error(`it has ${size} bytes, a model has at most ${MAX_FILE_BYTES}`);
    return readFileSync(path);
  } catch (cause) {
    throw new CausewayError(SQLSTATE.undefinedFile, `the file ${path} cannot be read: ${messageOf(cause)}`, {
      position,
      cause,
    });
  }
}
