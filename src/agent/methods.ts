/**
 * What the coordinator may ask an agent: descriptions, rows of a plan, training, and scoring. Everything is judged here again.
 * Long, since it is one table of methods over one set of open jobs.
 */
import { type KeyObject, randomUUID } from 'node:crypto';
import type { TableName } from '../../connectors/connector.ts';
import type { Residuals } from '../../operators/aggregate/compression/residuals.ts';
import { noiseFor } from '../../operators/aggregate/privacy/accountant.ts';
import type { PrivacyLedger } from '../../operators/aggregate/privacy/ledger.ts';
import { LocalParty } from '../../operators/aggregate/rounds/secure-party.ts';
import type { CohortLedger } from '../../operators/aggregate/secure/cohort-ledger.ts';
import { withHead } from '../../operators/lstm/head-tuning.ts';
import { LocalTrainer } from '../../operators/lstm/local-trainer.ts';
import type { FeatureStatistics } from '../../operators/lstm/statistics.ts';
import { trainedFeatures } from '../../operators/lstm/trained-features.ts';
import type { Aim, TrainRequest } from '../../operators/lstm/training-session.ts';
import { requireScoredWindows, SCORED } from '../../optimizer/policy/scoring.ts';
import { pruneColumns } from '../../optimizer/rules/prune-columns.ts';
import type { Engine } from '../engine/engine.ts';
import { runPlan } from '../engine/run-plan.ts';
import { Settings } from '../engine/settings.ts';
import { type FeatureRows, forecastSteps } from '../engine/training/forecast-steps.ts';
import type { AgentAccount } from '../engine/training/privacy-accounts.ts';
import { tablesOf } from '../engine/training/protection.ts';
import { type TrainingSchedule, trainTask } from '../engine/training/rounds.ts';
import type { OwnerTerms } from '../engine/training/silo-trainer.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { RelationalNode } from '../plan/nodes.ts';
import { tellsNames } from '../plan/training.ts';
import { abortable } from './abortable.ts';
import type { Method } from './calls.ts';
import { Cores } from './cores.ts';
import type { EgressGate } from './egress-gate.ts';
import type { EgressKind } from './egress-ledger.ts';
import type { HeadStore } from './head-store.ts';
import { type Job, type JobBook, lineageOf, type SignedJob, verifyJob } from './job.ts';
import { encoded, within } from './job-rows.ts';
import { fromJson, toJson } from './json.ts';
import { type OwnerPolicy, requireOwnPlan } from './owner-policy.ts';
import { sha256 } from './payload-store.ts';
import type { ForecastBody, PredictBody } from './remote-row-scorer.ts';
import type { ExplainBody, GroupsBody, ScoreBody } from './remote-scorer.ts';
import type {
  AloneBody,
  ConfirmBody,
  EvaluateBody,
  MaskBody,
  OpenAnswer,
  OpenBody,
  PersonalAnswer,
  PersonalBody,
  RoundAnswer,
  RoundBody,
  SecureBody,
  ShareBody,
  TellBody,
  TermsBody,
  UnmaskBody,
} from './remote-trainer.ts';
import { forecastBatches, predictionBatches } from './scored-rows.ts';
import { bytesOfWeights, weightsOfBytes } from './weights-bytes.ts';

export interface Quotas {
  /** Rows a job may read. */
  readonly rows?: number;
  /** Seconds a job may train, all rounds together. */
  readonly seconds?: number;
  /** Processor cores that training and scoring may use, all jobs together. */
  readonly cpu?: number;
  /** Bytes of rows that one statement may take out. */
  readonly rowBytes?: number;
}

export interface AgentServices {
  readonly silo: string;
  /** The kind of the silo's connector. */
  readonly kind: string;
  /** An engine whose one silo has the agent's name. */
  readonly engine: Engine;
  readonly policy: OwnerPolicy;
  readonly gate: EgressGate;
  readonly jobs: JobBook;
  readonly quotas: Quotas;
  readonly needsApproval: boolean;
  readonly signingKey: Uint8Array;
  /** The agent's own key, for secure aggregation. */
  readonly identity: KeyObject;
  readonly cohorts: CohortLedger;
  readonly privacyLedger: PrivacyLedger;
  /** What noise inside this silo is drawn from. */
  readonly noiseKey: Uint8Array;
  /** What compressed updates have not sent yet. */
  readonly residuals: Residuals;
  /** Heads of this silo's own. */
  readonly heads: HeadStore;
  readonly log: (event: string, details?: Record<string, unknown>) => void;
}

/** The δ at which budgets are kept, whatever a statement's own δ is: PRIVACY's default. */
const LEDGER_DELTA = 1e-6;

/** A job that is open here: its rows are read, and scaled once the federation's statistics are known. */
interface OpenJob {
  readonly job: Job;
  readonly trainer: Promise<LocalTrainer>;
  standardised: boolean;
  /** Budgets of its tables, charged once the number of windows is known; empty when they are. */
  budgets: readonly { readonly table: string; readonly epsilon: number }[];
  /** Digests of the weights that noised rounds began with: a round is released once. */
  readonly released: Map<number, string>;
  seconds: number;
  /** Secure rounds: how to train, as the coordinator said with the task. */
  schedule?: TrainingSchedule;
  party?: LocalParty;
}

export class AgentMethods implements AsyncDisposable {
  readonly #services: AgentServices;
  readonly #open = new Map<string, OpenJob>();
  readonly #closing = new AbortController();
  readonly #cores: Cores;

  constructor(services: AgentServices) {
    this.#services = services;
    this.#cores = new Cores(services.quotas.cpu);
  }

  readonly methods: Readonly<Record<string, Method>> = {
    describe: async () => this.#catalog({ kind: this.#services.kind }),
    tables: async (_, { signal }) => this.#catalog(await (await this.#silo()).tables(signal)),
    tableAt: async (body, { signal }) => {
      const { version, ...table } = body as TableName;
      const silo = await this.#silo();
      if (silo.tableAt === undefined || version === undefined) {
        throw new CausewayError(SQLSTATE.featureNotSupported, `"${table.table}" has no states of the past`);
      }
      return this.#catalog(await silo.tableAt(table, version, signal));
    },
    statistics: async (table, { signal }) =>
      this.#catalog((await (await this.#silo()).statistics(table as TableName, signal)) ?? null),
    rows: async (body, { sendRows, signal }) => {
      const { engine, gate, log, policy, quotas, silo } = this.#services;
      const asked = fromJson(body as string) as RelationalNode;
      requireOwnPlan(asked, silo);
      const plan = policy.lawful(asked);
      const purpose = `query-${randomUUID()}`;
      gate.allow(purpose, { rows: quotas.rowBytes ?? Number.MAX_SAFE_INTEGER });
      try {
        const { batches } = await runPlan(plan, { engine, settings: new Settings(), signal, memory: nothingElse });
        await sendRows(encoded(batches), purpose);
        log('rows sent', { purpose });
        return { body: null, purpose, kind: 'catalog' };
      } finally {
        gate.forget(purpose);
      }
    },
    accounts: async () => {
      const lines = this.#services.privacyLedger.list();
      return this.#catalog(lines.map((line): AgentAccount => ({ ...line, epsilon: finite(line.epsilon) })));
    },
    'train.open': async (body, { signal }) => {
      const open = this.#admit((body as OpenBody).job);
      const trainer = await abortable(open.trainer, signal);
      const answer: OpenAnswer = { summary: trainer.summary, statistics: trainer.statistics() };
      return answerOf(open.job, answer, 'statistics');
    },
    'train.round': async (body, { payloads, signal }) => {
      const { aim, job: signed, request, statistics } = body as RoundBody;
      const open = this.#admit(signed);
      if (open.job.run.privacy?.secure === true) throw inTheClear(open.job);
      const trainer = await this.#scaled(open, statistics, signal);
      trainer.aimAt(aim);
      this.#requireTime(open);
      const weights = weightsOfBytes(payloads[0]);
      const correction = payloads[1] === undefined ? {} : { correction: weightsOfBytes(payloads[1]) };
      const {
        delta: _,
        update,
        weights: trained,
        ...rest
      } = await this.#cores.run(signal, () =>
        trainer.trainRound(this.#noised(open, { ...request, ...correction, weights }), signal),
      );
      open.seconds += rest.seconds;
      this.#services.log('round trained', { job: open.job.id, round: request.round, seconds: rest.seconds });
      const answer: RoundAnswer = rest;
      return { ...answerOf(open.job, answer, 'updates'), payloads: [update ?? bytesOfWeights(trained)] };
    },
    'train.evaluate': async (body, { payloads, signal }) => {
      const { aim, job: signed, part, statistics } = body as EvaluateBody;
      const open = this.#admit(signed);
      const trainer = await this.#scaled(open, statistics, signal);
      trainer.aimAt(aim);
      const weights = weightsOfBytes(payloads[0]);
      const evaluation = await this.#cores.run(signal, () => trainer.evaluate(weights, part, signal));
      return answerOf(open.job, evaluation, 'statistics');
    },
    'score.open': async (body, { signal }) => {
      const open = this.#admit((body as OpenBody).job, 'score');
      const { summary } = await abortable(open.trainer, signal);
      requireScoredWindows(open.job.silo, summary.windows.train, this.#leastWindows(open.job));
      return { body: null, purpose: open.job.id, kind: 'catalog' };
    },
    'score.evaluate': async (body, { payloads, signal }) => {
      const { aim, job: signed, own, part, statistics } = body as ScoreBody;
      const open = this.#admit(signed, 'score');
      const trainer = await this.#scaled(open, statistics, signal, own);
      trainer.aimAt(aim);
      const weights = weightsOfBytes(payloads[0]);
      const evaluation = await this.#cores.run(signal, () => trainer.evaluate(weights, part, signal));
      requireScoredWindows(open.job.silo, evaluation.windows, this.#leastWindows(open.job));
      this.#services.log('rows scored', { job: open.job.id, windows: evaluation.windows });
      return answerOf(open.job, evaluation, 'statistics');
    },
    'score.own': async (body, { payloads, signal }) => {
      const { aim, job: signed, own, part, statistics } = body as ScoreBody;
      const open = this.#admit(signed, 'score');
      const trainer = await this.#scaled(open, statistics, signal, own);
      const found = this.#ownModel(open.job, trainer, weightsOfBytes(payloads[0]), aim);
      if (found === undefined) return answerOf(open.job, null, 'statistics');
      trainer.aimAt(found.aim);
      const evaluation = await this.#cores.run(signal, () => trainer.evaluate(found.weights, part, signal));
      requireScoredWindows(open.job.silo, evaluation.windows, this.#leastWindows(open.job));
      return answerOf(open.job, evaluation, 'statistics');
    },
    'score.groups': async (body, { payloads, signal }) => {
      const { aim, by, job: signed, own, part, statistics } = body as GroupsBody;
      const open = this.#admit(signed, 'score');
      const trainer = await this.#scaled(open, statistics, signal, own);
      trainer.aimAt(aim);
      const { policy } = this.#services;
      const least = Math.max(this.#leastWindows(open.job), policy.smallestNamedGroup(open.job.query));
      const weights = weightsOfBytes(payloads[0]);
      const all = await this.#cores.run(signal, () => trainer.evaluateBy(weights, part, by, signal));
      const found = all.filter(([, { windows }]) => windows >= least).map(([name, sums]) => [name ?? null, sums]);
      return answerOf(open.job, found, 'statistics');
    },
    'score.explain': async (body, { payloads, signal }) => {
      const { aim, job: signed, own, request, statistics } = body as ExplainBody;
      const open = this.#admit(signed, 'score');
      const trainer = await this.#scaled(open, statistics, signal, own);
      trainer.aimAt(aim);
      const asked = { ...request, weights: weightsOfBytes(payloads[0]) };
      const explanation = await this.#cores.run(signal, () => trainer.explain(asked, signal));
      requireScoredWindows(open.job.silo, explanation.attributed, this.#leastWindows(open.job));
      return answerOf(open.job, explanation, 'statistics');
    },
    'score.predict': async (body, { payloads, sendRows, signal }) => {
      const { open, trainer, weights } = await this.#predicting(body as PredictBody, payloads, signal);
      const found = await this.#cores.run(signal, () => trainer.predict(weights, 'train', signal));
      await sendRows(encoded(predictionBatches(found, open.job.spec.targets.length)), open.job.id);
      return { body: null, purpose: open.job.id, kind: 'catalog' };
    },
    'score.forecast': async (body, { payloads, sendRows, signal }) => {
      const { open, trained, trainer, weights } = await this.#predicting(body as ForecastBody, payloads, signal);
      const { asked } = body as ForecastBody;
      const rows = featureRows(open.job);
      const compute = (plan: RelationalNode) => this.#compute(plan, signal);
      const steps = await this.#cores.run(signal, () =>
        forecastSteps(trainer, trained, rows, weights, asked, compute, signal),
      );
      await sendRows(encoded(forecastBatches(steps)), open.job.id);
      return { body: null, purpose: open.job.id, kind: 'catalog' };
    },
    'train.alone': async (body, { signal }) => {
      const { aim, job: signed, request, statistics } = body as AloneBody;
      const open = this.#admit(signed);
      const trainer = await this.#scaled(open, statistics, signal);
      trainer.aimAt(aim);
      this.#requireTime(open);
      const evaluation = await this.#timed(open, signal, () => trainer.trainAlone(request, signal));
      return answerOf(open.job, evaluation, 'statistics');
    },
    'train.personalise': async (body, { payloads, signal }) => {
      const { aim, job: signed, request, statistics } = body as PersonalBody;
      const open = this.#admit(signed);
      if (open.job.run.privacy?.epsilon !== undefined) throw withoutNoise(open.job);
      const trainer = await this.#scaled(open, statistics, signal);
      trainer.aimAt(aim);
      this.#requireTime(open);
      const weights = weightsOfBytes(payloads[0]);
      const { head, ...answer } = await this.#timed(open, signal, () =>
        trainer.personalise({ ...request, weights }, signal),
      );
      const share = answer.share === undefined ? {} : { share: answer.share };
      this.#services.heads.put(open.job.run.id, { head, weights: sha256(bytesOfWeights(weights)), ...share });
      return answerOf(open.job, answer satisfies PersonalAnswer, 'statistics');
    },
    'train.tell': async (body) => {
      const { event, job: signed } = body as TellBody;
      const { log, signingKey, silo } = this.#services;
      const { id } = verifyJob(signed, silo, signingKey);
      log('the coordinator says', { job: id, event });
      return { ...this.#catalog(null), purpose: id };
    },
    'train.terms': async (body, { signal }) => {
      const { job: signed, statistics } = body as TermsBody;
      const open = this.#admit(signed);
      // Budgets are charged once the rows are scaled.
      await this.#scaled(open, statistics, signal);
      return { ...this.#catalog(this.#terms(open.job)), purpose: open.job.id };
    },
    'secure.advertise': async (body) => {
      const { job, session } = fromJson(body as string) as SecureBody;
      const open = this.#admit(job);
      return keysOf(open.job, await this.#party(open).advertise(session));
    },
    'secure.share': async (body) => {
      const { identities, job, roster, session } = fromJson(body as string) as ShareBody;
      const open = this.#admit(job);
      return keysOf(open.job, await this.#party(open).share(session, roster, new Map(identities)));
    },
    'secure.train': async (body, { payloads, signal }) => {
      const { job, options, received, round, schedule, session, statistics, terms } = fromJson(
        body as string,
      ) as MaskBody;
      const open = this.#admit(job);
      await this.#scaled(open, statistics, signal);
      this.#requireTime(open);
      const weights = weightsOfBytes(payloads[0]);
      open.schedule = schedule;
      const task = { run: session.run, round, terms, weights };
      const { loss, masked, seconds } = await this.#party(open).train(session, task, options, received, signal);
      open.seconds += seconds;
      this.#services.log('round trained and masked', { job: open.job.id, round, seconds });
      const words = new Uint8Array(masked.buffer, masked.byteOffset, masked.byteLength);
      return { ...answerOf(open.job, toJson({ loss, seconds }), 'updates'), payloads: [words] };
    },
    'secure.confirm': async (body) => {
      const { job, session, survivors } = fromJson(body as string) as ConfirmBody;
      const open = this.#admit(job);
      return keysOf(open.job, await this.#party(open).confirm(session, survivors));
    },
    'secure.unmask': async (body) => {
      const { confirmations, job, session, survivors } = fromJson(body as string) as UnmaskBody;
      const open = this.#admit(job);
      return keysOf(open.job, await this.#party(open).unmask(session, survivors, confirmations));
    },
    'train.end': async (body) => {
      const { gate, jobs, signingKey, silo } = this.#services;
      const job = verifyJob((body as OpenBody).job, silo, signingKey);
      const open = this.#open.get(job.id);
      this.#open.delete(job.id);
      jobs.end(job.id);
      gate.forget(job.id);
      await (await open?.trainer.catch(() => undefined))?.[Symbol.asyncDispose]();
      return { body: null, purpose: job.id, kind: 'catalog' };
    },
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const trainers = await Promise.allSettled([...this.#open.values()].map(({ trainer }) => trainer));
    for (const each of trainers) if (each.status === 'fulfilled') await each.value[Symbol.asyncDispose]();
  }

  /** Verifies the job and reads its rows, once; a job that is open here is only verified. */
  #admit(signed: SignedJob, task: 'score' | 'train' = 'train'): OpenJob {
    const { gate, jobs, log, needsApproval, policy, quotas, signingKey, silo } = this.#services;
    const job = verifyJob(signed, silo, signingKey);
    if ((job.run.scoring === undefined) !== (task === 'train')) throw otherTask(job);
    const known = this.#open.get(job.id);
    if (known !== undefined) return known;
    requireOwnPlan(job.query, silo);
    const budgets = job.run.scoring === undefined ? policy.requireUpdates(job.query, job.run.privacy) : [];
    const tellsRows = job.run.scoring?.rows === true;
    if (tellsRows) policy.lawful(pruneColumns(job.query));
    else if (job.run.scoring !== undefined) policy.leastScoredWindows(job.query);
    jobs.admit(job, needsApproval);
    // Noise inside the silo depends on its windows; the noise on a mean of silos does not.
    const later = job.run.local.privacy === undefined ? [] : budgets;
    if (later.length === 0) for (const budget of budgets) this.#charge(job, budget);
    const rows = tellsRows ? { rows: quotas.rowBytes ?? Number.MAX_SAFE_INTEGER } : {};
    gate.allow(job.id, { ...job.manifest, ...rows });
    log('job accepted', { job: job.id, statement: job.run.statement });
    const open: OpenJob = {
      job,
      trainer: this.#read(job),
      standardised: false,
      budgets: later,
      released: new Map(),
      seconds: 0,
    };
    this.#open.set(job.id, open);
    open.trainer.catch(() => this.#open.delete(job.id));
    return open;
  }

  /** Takes the whole run's loss off the table's budget before the first round. */
  #charge(job: Job, { epsilon, table }: { table: string; epsilon: number }): void {
    const { privacyLedger } = this.#services;
    const { run } = job;
    const { delta = LEDGER_DELTA, epsilon: asked = epsilon, unit = 'silo' } = run.privacy ?? {};
    const z = noiseFor(asked, delta, 1, run.rounds);
    privacyLedger.allow({ table, unit, epsilon, delta: LEDGER_DELTA });
    privacyLedger.charge({ run: lineageOf(job), table, unit, q: 1, z, steps: run.rounds });
  }

  /** The noise of a whole run inside this silo, taken off before its first round. */
  #chargeWindows(open: OpenJob, trainer: LocalTrainer): void {
    const { privacyLedger } = this.#services;
    const { local, rounds } = open.job.run;
    for (const { epsilon, table } of local.privacy === undefined ? [] : open.budgets) {
      const { unit } = local.privacy!;
      privacyLedger.allow({ table, unit, epsilon, delta: LEDGER_DELTA });
      privacyLedger.charge({
        run: lineageOf(open.job),
        table,
        unit,
        ...trainer.mechanism(local.privacy!, local, rounds),
      });
    }
    open.budgets = [];
  }

  /**
   * A round as the job says it, whatever the coordinator asks: with its noise, and not twice from different weights.
   * @throws CausewayError CW001 for a release that the budget does not cover
   */
  #noised({ job, released }: OpenJob, request: TrainRequest): TrainRequest {
    const { local, rounds } = job.run;
    if (local.privacy === undefined) return request;
    const digest = sha256(bytesOfWeights(request.weights));
    const before = released.get(request.round) ?? digest;
    if (request.round > rounds || before !== digest) {
      throw new CausewayError(SQLSTATE.policyViolation, `silo ${job.silo} releases each of ${rounds} rounds once`, {
        silo: job.silo,
        hint: 'Its noise was counted for just these.',
      });
    }
    released.set(request.round, digest);
    const { proximal } = request.optimizer;
    const optimizer = { ...local.optimizer, ...(proximal === undefined ? {} : { proximal }) };
    return { ...request, ...local, optimizer, rounds };
  }

  async #read(job: Job): Promise<LocalTrainer> {
    const { query, run, spec } = job;
    const { engine, policy, quotas, silo } = this.#services;
    const { signal } = this.#closing;
    const rows =
      run.scoring?.rows === true
        ? policy.lawful(pruneColumns(query))
        : policy.trained(query, run.scoring === undefined ? run.privacy : SCORED);
    const { batches } = await runPlan(rows, { engine, settings: new Settings(), signal, memory: nothingElse });
    // The coordinator may ask for larger groups than the owner does, not for smaller ones.
    const least = run.scoring === undefined && tellsNames(spec.features) ? policy.smallestNamedGroup(query) : 1;
    const minRows = Math.max(least, spec.minRows ?? 1);
    return LocalTrainer.open(
      {
        ...{ ...spec, silo, minRows, noiseKey: this.#services.noiseKey, residuals: this.#services.residuals },
        ...(this.#cores.threads === undefined ? {} : { threads: this.#cores.threads }),
      },
      within(batches, quotas.rows, silo),
      signal,
    );
  }

  async #scaled(
    open: OpenJob,
    merged: FeatureStatistics,
    signal: AbortSignal,
    own?: FeatureStatistics,
  ): Promise<LocalTrainer> {
    const trainer = await abortable(open.trainer, signal);
    if (!open.standardised) {
      open.standardised = true;
      trainer.standardise(merged, own);
    }
    this.#chargeWindows(open, trainer);
    return trainer;
  }

  /** A job that tells predictions of single rows: its trainer is scaled and aimed, its weights have this silo's own head where it has one. */
  async #predicting(
    { aim, job: signed, own, statistics }: PredictBody,
    payloads: readonly Uint8Array[],
    signal: AbortSignal,
  ) {
    const open = this.#admit(signed, 'score');
    if (open.job.run.scoring?.rows !== true) throw otherTask(open.job);
    const trainer = await this.#scaled(open, statistics, signal, own);
    const weights = weightsOfBytes(payloads[0]);
    const model = this.#ownModel(open.job, trainer, weights, aim) ?? { weights, aim };
    trainer.aimAt(model.aim);
    const { features, targets } = open.job.spec;
    return { open, trainer, weights: model.weights, trained: trainedFeatures(features, targets, statistics) };
  }

  /** Runs a plan that reads nothing. */
  async *#compute(plan: RelationalNode, signal: AbortSignal) {
    const { engine } = this.#services;
    yield* (await runPlan(plan, { engine, settings: new Settings(), signal, memory: nothingElse })).batches;
  }

  /** The model with the head that this silo keeps for the job; undefined where it has none for just these weights. */
  #ownModel({ run: { scoring } }: Job, { model }: LocalTrainer, weights: Float32Array, aim: Aim | undefined) {
    const kept = scoring?.personal === undefined ? undefined : this.#services.heads.get(scoring.personal);
    if (kept === undefined || kept.weights !== sha256(bytesOfWeights(weights))) return undefined;
    const { head, share } = kept;
    const difference = aim?.difference;
    const own =
      difference === undefined || share === undefined ? aim : { ...aim, difference: { ...difference, share } };
    return { weights: withHead(model, weights, head), aim: own };
  }

  /** What the owner has laid down for the job's tables. */
  #terms({ query, run }: Job): OwnerTerms {
    const { policy, privacyLedger } = this.#services;
    const tables = tablesOf(query);
    const unit = run.privacy?.unit;
    return {
      policies: policy.about(query),
      ledger: privacyLedger.list().filter((line) => tables.has(line.table) && line.unit === unit),
    };
  }

  /** Of a scoring: the windows that its sums must be over. The coordinator may ask for more than the owner does. */
  #leastWindows({ query, run: { scoring } }: Job): number {
    return scoring === undefined || scoring.rows === true
      ? 1
      : Math.max(this.#services.policy.leastScoredWindows(query), scoring.leastWindows);
  }

  /** This silo's part of the job's secure rounds. What it agreed to is remembered under the job's run, whatever a session says. */
  #party(open: OpenJob): LocalParty {
    const { cohorts, identity, silo } = this.#services;
    open.party ??= new LocalParty({
      silo,
      identity,
      ledger: { claim: (_, round, name, survivors) => cohorts.claim(lineageOf(open.job), round, name, survivors) },
      train: async (task, signal) => {
        const trainer = await open.trainer;
        const trainRound = (request: TrainRequest, stop: AbortSignal) =>
          this.#cores.run(stop, () => trainer.trainRound(this.#noised(open, request), stop));
        return trainTask({ summary: trainer.summary, trainRound }, open.schedule!, task, signal);
      },
    });
    return open.party;
  }

  /** Counts the seconds of work, not those of waiting for a core. */
  #timed<T>(open: OpenJob, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#cores.run(signal, async () => {
      const began = performance.now();
      try {
        return await work();
      } finally {
        open.seconds += (performance.now() - began) / 1000;
      }
    });
  }

  #requireTime({ job, seconds }: OpenJob): void {
    const { quotas, silo } = this.#services;
    if (quotas.seconds === undefined || seconds < quotas.seconds) return;
    throw new CausewayError(
      SQLSTATE.policyViolation,
      `silo ${silo} has trained ${Math.round(seconds)} s for ${job.id}`,
      {
        silo,
        hint: `Its owner's quota is ${quotas.seconds} s per job.`,
      },
    );
  }

  async #silo() {
    return (await this.#services.engine.silos.open(this.#services.silo)).silo;
  }

  #catalog(body: unknown) {
    return { body, purpose: 'catalog', kind: 'catalog' as const };
  }
}

/** A job's feature query without its sorting: what its features are computed from. */
function featureRows({ query, spec }: Job): FeatureRows {
  const sorted = query.kind === 'project' ? query.input : query;
  const [order, ...columns] = query.columns;
  const features = spec.entity === undefined ? columns : columns.slice(1);
  return { plan: sorted.kind === 'sort' ? sorted.input : sorted, order: order!, features };
}

/** JSON has no infinity. */
const finite = (epsilon: number): number | null => (Number.isFinite(epsilon) ? epsilon : null);

const otherTask = ({ run, silo }: Job): CausewayError =>
  new CausewayError(
    SQLSTATE.insufficientPrivilege,
    `silo ${silo} refuses the call: its job is to ${run.scoring === undefined ? 'train' : 'score'}`,
    { silo },
  );

const answerOf = (job: Job, body: unknown, kind: EgressKind) => ({ body, purpose: job.id, kind });

const withoutNoise = ({ silo }: Job): CausewayError =>
  new CausewayError(SQLSTATE.policyViolation, `silo ${silo} trains nothing without noise: the job says epsilon`, {
    silo,
  });

const keysOf = (job: Job, body: unknown) => answerOf(job, toJson(body), 'keys');

const inTheClear = ({ silo }: Job): CausewayError =>
  new CausewayError(SQLSTATE.policyViolation, `silo ${silo} sends no update in the clear: the job says secure`, {
    silo,
  });

function nothingElse(name: string): never {
  throw new CausewayError(SQLSTATE.featureNotSupported, `an agent has no memory table "${name}"`);
}
