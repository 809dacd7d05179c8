/**
 * Agents in network namespaces of their own, over links with delay and loss (tc netem), and cut in the middle of a
 * training. Needs root and iproute2 on Linux; delay and loss need a kernel with netem.
 */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FederationOfProcesses, SILOS, TRAIN } from '../agents/processes.ts';

const COORDINATOR = '10.231.77.1';
const namespaceOf = (silo: string): string => `cw-${silo}`;

/** Returns what a failing command has said. */
function run(...command: readonly string[]): string | undefined {
  const [name, ...args] = command as [string, ...string[]];
  const { error, status, stderr } = spawnSync(name, args, { encoding: 'utf8' });
  return error === undefined && status === 0 ? undefined : (error?.message ?? stderr.trim());
}

const inside = (silo: string, ...command: readonly string[]): string | undefined =>
  run('ip', 'netns', 'exec', namespaceOf(silo), ...command);

/** One bridge at the coordinator, one namespace per silo. */
function build(): string | undefined {
  const steps = [
    ['ip', 'link', 'add', 'cw-bridge', 'type', 'bridge'],
    ['ip', 'addr', 'add', `${COORDINATOR}/24`, 'dev', 'cw-bridge'],
    ['ip', 'link', 'set', 'cw-bridge', 'up'],
    ...SILOS.flatMap((silo, k) => [
      ['ip', 'netns', 'add', namespaceOf(silo)],
      ['ip', 'link', 'add', `cw-${k}`, 'type', 'veth', 'peer', 'name', 'up0', 'netns', namespaceOf(silo)],
      ['ip', 'link', 'set', `cw-${k}`, 'master', 'cw-bridge', 'up'],
      ['ip', '-n', namespaceOf(silo), 'addr', 'add', `10.231.77.${10 + k}/24`, 'dev', 'up0'],
      ['ip', '-n', namespaceOf(silo), 'link', 'set', 'up0', 'up'],
    ]),
  ];
  for (const step of steps) {
    const failure = run(...step);
    if (failure !== undefined) return `${step.join(' ')}: ${failure}`;
  }
  return undefined;
}

function tearDown(): void {
  for (const silo of SILOS) run('ip', 'netns', 'del', namespaceOf(silo));
  run('ip', 'link', 'del', 'cw-bridge');
}

const missing = process.platform !== 'linux' || process.getuid?.() !== 0 ? 'it needs root on Linux' : build();
if (missing !== undefined) {
  tearDown();
  console.log(`skipped: no network namespaces for agents (${missing})`);
}
const NETEM = ['tc', 'qdisc', 'replace', 'dev', 'up0', 'root', 'netem', 'delay', '40ms', '10ms', 'loss', '2%'];
const noNetem = missing ?? inside(SILOS[0]!, ...NETEM);
if (missing === undefined && noNetem !== undefined) console.log(`skipped: no delay and loss (tc netem: ${noNetem})`);

describe.skipIf(missing !== undefined)('agents in networks of their own', () => {
  let federation: FederationOfProcesses;

  beforeAll(async () => {
    inside(SILOS[0]!, 'tc', 'qdisc', 'del', 'dev', 'up0', 'root');
    const prefix = (silo: string) => ['ip', 'netns', 'exec', namespaceOf(silo)];
    federation = await FederationOfProcesses.open({ host: COORDINATOR, prefix });
    await federation.sql(TRAIN('whole'));
    await federation.until('whole');
  }, 240_000);

  afterAll(async () => {
    await federation?.[Symbol.asyncDispose]();
    tearDown();
  });

  test('a network that is cut for a while in the middle of a training: the same weights', async () => {
    await federation.sql(TRAIN('partitioned'));
    await federation.until('partitioned', 2);
    run('ip', 'link', 'set', 'cw-1', 'down');
    await sleep(3000);
    run('ip', 'link', 'set', 'cw-1', 'up');
    await federation.until('partitioned');
    expect(federation.weights('partitioned').equals(federation.weights('whole'))).toBe(true);
  }, 240_000);

  test.skipIf(noNetem !== undefined)(
    'delay of 40 ± 10 ms and 2 % loss on every link: the same weights',
    async () => {
      for (const silo of SILOS) expect(inside(silo, ...NETEM)).toBeUndefined();
      await federation.sql(TRAIN('far_away'));
      await federation.until('far_away');
      expect(federation.weights('far_away').equals(federation.weights('whole'))).toBe(true);
    },
    240_000,
  );
});
