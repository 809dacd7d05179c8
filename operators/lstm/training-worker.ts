/** Entry point of a training thread: answers one request after the other. See training-thread.ts for the other side. */
import { parentPort, workerData } from 'node:worker_threads';
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';
import type { SequenceData } from './backend.ts';
import { createBackend } from './choose-backend.ts';
import { explain } from './explain.ts';
import { forecastEntities } from './forecast.ts';
import { loadTfjs } from './tfjs-backend.ts';
import { type Aim, TrainingSession } from './training-session.ts';
import type { ThreadReply, ThreadRequest, ThreadSetup } from './training-thread.ts';

const setup = workerData as ThreadSetup;
const { backend, session: silo, threads } = setup;
const tfjs = backend === 'tfjs' ? await loadTfjs() : undefined;
const create = (data: SequenceData, batch: number, model = silo.model) =>
  createBackend(model, data, {
    choice: backend,
    batch,
    ...(threads === undefined ? {} : { threads }),
    ...(tfjs === undefined ? {} : { tfjs }),
  });
const session = new TrainingSession(silo, create);

const creating =
  ({ difference }: Aim = {}): typeof create =>
  (data, batch) =>
    create(difference === undefined ? data : { ...data, difference }, batch);

function answer(request: ThreadRequest): unknown {
  switch (request.kind) {
    case 'train':
      return session.train(request.request, request.aim);
    case 'train-head':
      return session.trainHead(request.request, request.aim);
    case 'evaluate':
      return session.evaluate(request.weights, request.part, request.aim);
    case 'evaluate-groups':
      return session.evaluateGroups(request, request.aim);
    case 'predict':
      return session.predict(request.weights, request.starts, request.aim);
    case 'explain':
      return explain(silo, creating(request.aim), request, request.aim?.difference);
    case 'forecast':
      return forecastEntities(silo, creating(request.aim), request);
  }
}

parentPort!.on('message', (request: ThreadRequest) => {
  let reply: ThreadReply;
  try {
    reply = { id: request.id, value: answer(request) };
  } catch (thrown) {
    const known = thrown instanceof CausewayError;
    reply = {
      id: request.id,
      error: {
        sqlstate: known ? thrown.sqlstate : SQLSTATE.internalError,
        message: messageOf(thrown),
        detail: known ? thrown.detail : thrown instanceof Error ? thrown.stack : undefined,
        hint: known ? thrown.hint : undefined,
      },
    };
  }
  parentPort!.postMessage(reply);
});
