/** Transactions as far as a reader has them: blocks, savepoints, and settings that a rollback brings back. */
import { CausewayError } from '../../plan/errors.ts';
import type { TransactionStatus } from '../wire/backend.ts';
import { CONDITION } from '../wire/conditions.ts';
import type { Settings } from './settings.ts';

export interface TransactionEnd {
  readonly tag: 'COMMIT' | 'ROLLBACK';
  /** The settings that hold from now on, when they are others. */
  readonly settings?: Settings;
  readonly warning?: string;
}

export class Transaction {
  #status: TransactionStatus = 'I';
  #began: Date | undefined;
  /** As they were when the block, or a savepoint in it, began. */
  #before: Settings = new Map();
  #savepoints: { readonly name: string; readonly settings: Settings }[] = [];
  /** Settings of SET LOCAL, as they were outside. */
  #local = new Map<string, string | undefined>();

  get status(): TransactionStatus {
    return this.#status;
  }

  /** When the block began; undefined outside of one. */
  get began(): Date | undefined {
    return this.#status === 'I' ? undefined : this.#began;
  }

  /** A warning when there is a block already. */
  begin(settings: Settings): string | undefined {
    if (this.#status !== 'I') return 'there is already a transaction in progress';
    this.#status = 'T';
    this.#began = new Date();
    this.#before = settings;
    return undefined;
  }

  end(commit: boolean, current: Settings): TransactionEnd {
    const was = this.#status;
    this.#status = 'I';
    this.#savepoints = [];
    const local = this.#local;
    this.#local = new Map();
    if (was === 'I') return { tag: commit ? 'COMMIT' : 'ROLLBACK', warning: 'there is no transaction in progress' };
    if (!commit || was === 'E') return { tag: 'ROLLBACK', settings: this.#before };
    if (local.size === 0) return { tag: 'COMMIT' };
    const settings = new Map(current);
    for (const [name, value] of local) {
      if (value === undefined) settings.delete(name);
      else settings.set(name, value);
    }
    return { tag: 'COMMIT', settings };
  }

  fail(): void {
    if (this.#status === 'T') this.#status = 'E';
  }

  /** @throws CausewayError 25P02 in a failed block */
  requireUsable(): void {
    if (this.#status !== 'E') return;
    throw new CausewayError(
      CONDITION.failedTransaction,
      'current transaction is aborted, commands ignored until end of transaction block',
    );
  }

  /** Remembers what SET LOCAL changed, to be brought back at the end. */
  setLocal(before: Settings, after: Settings): void {
    for (const name of new Set([...before.keys(), ...after.keys()])) {
      if (before.get(name) !== after.get(name) && !this.#local.has(name)) this.#local.set(name, before.get(name));
    }
  }

  savepoint(name: string, settings: Settings): void {
    this.#requireBlock('SAVEPOINT');
    this.#savepoints.push({ name, settings });
  }

  release(name: string): void {
    this.#requireBlock('RELEASE SAVEPOINT');
    this.#savepoints.length = this.#find(name);
  }

  /** The settings at the savepoint. */
  rollbackTo(name: string): Settings {
    this.#requireBlock('ROLLBACK TO SAVEPOINT');
    const index = this.#find(name);
    this.#savepoints.length = index + 1;
    this.#status = 'T';
    return this.#savepoints[index]!.settings;
  }

  /** @throws CausewayError 25P01 outside a block */
  #requireBlock(what: string): void {
    if (this.#status !== 'I') return;
    throw new CausewayError(CONDITION.noActiveTransaction, `${what} can only be used in transaction blocks`);
  }

  #find(name: string): number {
    const index = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (index >= 0) return index;
    throw new CausewayError(CONDITION.invalidSavepoint, `savepoint "${name}" does not exist`);
  }
}
