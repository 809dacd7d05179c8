/**
 * Causeway as a library:
 *
 *     await using engine = await Engine.open({ directory: '.causeway' });
 *     await using session = engine.openSession();
 *     for await (const { columns, batches } of session.execute('SELECT …')) for await (const batch of batches) …
 */
export type { ResultColumn } from '../connectors/connector.ts';
export { Engine, type EngineOptions } from './engine/engine.ts';
export type { ExecuteOptions, Notice, StatementResult, TrainingProgress } from './engine/result.ts';
export type { Session } from './engine/session.ts';
export { CausewayError, type ErrorDetails, type Position, SQLSTATE } from './plan/errors.ts';
export { type SqlType, typeName } from './plan/types.ts';
