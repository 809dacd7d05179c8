/** Participants of a job that train when it is their job's turn in the silo; what is no training does not wait. */
import type { RoundParticipant } from '../../../operators/aggregate/rounds/participant.ts';
import type { SecureParty } from '../../../operators/aggregate/rounds/secure-round.ts';
import type { JobShare, SiloTurns } from './silo-turns.ts';

export const inTurn = (
  participants: readonly RoundParticipant[],
  turns: SiloTurns,
  share: JobShare,
): RoundParticipant[] =>
  participants.map((participant) => {
    const { secure, silo } = participant;
    return {
      silo,
      validate: (weights, signal) => participant.validate(weights, signal),
      train: (task, signal) => turns.run(share, silo, signal, () => participant.train(task, signal)),
      ...(secure === undefined ? {} : { secure: partyInTurn(secure, silo, turns, share) }),
    };
  });

const partyInTurn = (party: SecureParty, silo: string, turns: SiloTurns, share: JobShare): SecureParty => ({
  advertise: (...asked) => party.advertise(...asked),
  share: (...asked) => party.share(...asked),
  train: (...asked) => turns.run(share, silo, asked[4], () => party.train(...asked)),
  confirm: (...asked) => party.confirm(...asked),
  unmask: (...asked) => party.unmask(...asked),
});
