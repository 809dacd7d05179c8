import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { TrainResult } from '../../../operators/lstm/training-session.ts';
import type { TrainingSite } from '../../../optimizer/cost/training.ts';
import { placedTraining } from '../../../optimizer/placement/placed-training.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { Notice } from '../result.ts';
import { type OpenAt, PlacedTrainer } from './placed-trainer.ts';
import type { SiloTrainer } from './silo-trainer.ts';
import { RoundWatch } from './watch-rounds.ts';

const signal = new AbortController().signal;

/** A trainer that takes so long, and says where it was. */
function trainer(site: TrainingSite, milliseconds: number, log: string[], rows = 100): SiloTrainer {
  const summary = { rows, windows: { train: 80, validation: 0, test: 0 } } as SiloTrainer['summary'];
  return {
    summary,
    model: {} as SiloTrainer['model'],
    statistics: () => [],
    standardise() {
      log.push(`${site} standardised`);
      return {} as ReturnType<SiloTrainer['standardise']>;
    },
    async trainRound() {
      await sleep(milliseconds);
      return { seconds: milliseconds / 1000 } as TrainResult;
    },
    evaluate: () => Promise.reject(new Error('not asked')),
    aimAt: () => undefined,
    personalise: () => Promise.reject(new Error('not asked')),
    trainAlone: () => Promise.reject(new Error('not asked')),
    async [Symbol.asyncDispose]() {
      log.push(`${site} closed`);
    },
  };
}

/** One silo that was expected to take milliseconds at its agent, its rows being welcome at the mediator. */
const placed = placedTraining(
  [
    {
      training: {
        silo: 'oslo',
        home: 'agent',
        windows: 100,
        rows: 100,
        rowBytes: 32,
        homeFlops: 1e9,
        hereFlops: 1e9,
        secondsPerByte: 1e-8,
        roundTrip: 0.001,
        readSeconds: 0.01,
        moneyPerByte: 0,
      },
      legality: {},
    },
  ],
  { weights: 100, flopsPerWindow: 1e4, rounds: 50, epochs: 1, compression: 'none' },
  { cores: 2, objective: 'egress' },
);

async function watched(openAt: OpenAt, rounds: number) {
  const notices: Notice[] = [];
  const time = { ...placed, terms: { ...placed.terms, objective: 'time' as const } };
  const oslo = await PlacedTrainer.open('oslo', 'agent', openAt, signal);
  oslo.standardise([]);
  const watch = new RoundWatch(time, [oslo], (notice) => notices.push(notice));
  for (let round = 1; round <= rounds; round++) {
    await oslo.trainRound({ round } as Parameters<SiloTrainer['trainRound']>[0], signal);
    await watch.afterRound(round, 50 - round, signal);
  }
  return { oslo, notices: notices.map(({ message }) => message) };
}

describe('RoundWatch', () => {
  it('has a silo that takes far longer than planned go on at the mediator, with the same statistics', async () => {
    const log: string[] = [];
    const { notices, oslo } = await watched(
      async (site) => ({ site, trainer: trainer(site, site === 'agent' ? 60 : 1, log) }),
      3,
    );
    expect(oslo.site).toBe('mediator');
    expect(log).toEqual(['agent standardised', 'mediator standardised', 'agent closed']);
    expect(notices).toEqual([expect.stringMatching(/^round 2: silo "oslo" took .* goes on at the mediator/)]);
  });

  it('does nothing while rounds take as long as planned', async () => {
    const log: string[] = [];
    const { notices, oslo } = await watched(async (site) => ({ site, trainer: trainer(site, 1, log) }), 4);
    expect([oslo.site, notices]).toEqual(['agent', []]);
  });

  it('leaves a silo where it is when its rows have changed, or may not leave after all, and asks once only', async () => {
    const log: string[] = [];
    const changed = await watched(async (site) => {
      return { site, trainer: trainer(site, 60, log, site === 'agent' ? 100 : 101) };
    }, 4);
    expect([changed.oslo.site, changed.notices]).toEqual(['agent', [expect.stringContaining('stays where it is')]]);
    const refused = await watched(async (site) => {
      if (site === 'agent') return { site, trainer: trainer(site, 60, log) };
      throw new CausewayError(SQLSTATE.policyViolation, 'no rows');
    }, 4);
    expect(refused.notices).toEqual([expect.stringContaining('stays where it is (no rows)')]);
  });
});
