/** The training jobs of this process: one per model at a time, each with a way to cancel it. */
import { CausewayError, canceled, SQLSTATE } from '../../plan/errors.ts';

/** Why a job's signal is aborted when its process ends. */
export const STOPPED = new CausewayError(SQLSTATE.adminShutdown, 'the server is stopping');

interface RunningJob {
  readonly model: string;
  readonly controller: AbortController;
  /** Settles when the job has ended, however it did. */
  readonly ended: Promise<void>;
}

export class RunningJobs implements AsyncDisposable {
  readonly #jobs = new Map<number, RunningJob>();

  /** @throws CausewayError 55006 while the model is being trained */
  requireIdle(model: string): void {
    for (const [job, running] of this.#jobs) {
      if (running.model !== model) continue;
      throw new CausewayError(SQLSTATE.objectInUse, `model "${model}" is being trained`, {
        hint: `Wait for job ${job} to end, or CANCEL JOB ${job}.`,
      });
    }
  }

  /** Runs `work` as that job; its signal is aborted by the caller's, by {@link cancel}, and when the engine closes. */
  run<T>(job: number, model: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const result = work(AbortSignal.any([signal, controller.signal]));
    const forget = (): void => {
      this.#jobs.delete(job);
    };
    this.#jobs.set(job, { model, controller, ended: result.then(forget, forget) });
    return result;
  }

  /** Asks a job to stop, and waits until it has. False when no such job runs here. */
  async cancel(job: number): Promise<boolean> {
    const running = this.#jobs.get(job);
    if (running === undefined) return false;
    running.controller.abort(canceled());
    await running.ended;
    return true;
  }

  /** Stops all jobs because the process ends: nobody has cancelled them. */
  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#jobs.values()];
    for (const { controller } of running) controller.abort(STOPPED);
    await Promise.all(running.map(({ ended }) => ended));
  }
}
