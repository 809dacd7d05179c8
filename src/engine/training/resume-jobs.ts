/** Jobs whose process was killed or stopped go on by themselves when a server opens their catalog again. */
import { messageOf } from '../../plan/errors.ts';
import type { Engine } from '../engine.ts';

export interface ResumedJob {
  readonly job: number;
  readonly model: string;
  /** Why it ended again; absent when it is done. */
  readonly error?: string;
}

/**
 * Resumes every model's last job, if it was interrupted: as the user who began it, with that session's settings. Resolves
 * when all have ended; each end is also in `causeway.jobs`.
 */
export async function resumeInterrupted(
  engine: Engine,
  onResumed: (job: ResumedJob) => void,
  onEnded: (job: ResumedJob) => void,
): Promise<void> {
  const last = new Map(engine.catalog.jobs.list().map((job) => [job.model, job]));
  await Promise.all(
    [...last.values()].map(async ({ id: job, interrupted, model, role, settings }) => {
      if (interrupted === 0) return;
      await using session = engine.openSession(role ?? undefined);
      for (const [name, value] of Object.entries(JSON.parse(settings ?? '{}') as Record<string, string>)) {
        session.settings.set(name, value);
      }
      onResumed({ job, model });
      try {
        await session.resume(job);
        onEnded({ job, model });
      } catch (thrown) {
        const error = messageOf(thrown);
        // What fails before it runs again, like a silo that is gone, ends the job; it is not tried forever.
        const { state } = engine.catalog.jobs.list().find(({ id }) => id === job)!;
        if (state !== 'cancelled') engine.catalog.jobs.end(job, 'failed', error);
        onEnded({ job, model, error });
      }
    }),
  );
}
