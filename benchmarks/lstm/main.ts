/**
 * `npm run bench:lstm`: training steps and scoring, ours beside PyTorch's, interleaved. Prints medians, the median of the
 * ratios of each round (a busy moment hits both sides), and the shortest step: on a busy machine it says most.
 *
 *     node benchmarks/lstm/main.ts [--rounds 7] [--only W1,W2]
 *     node benchmarks/lstm/main.ts --end-to-end 10000000    (rows out of PostgreSQL to a trained epoch, nothing else)
 */
import { parseArgs } from 'node:util';
import { outputsPerWindow, type TrainingBackend } from '../../operators/lstm/backend.ts';
import { flopsPerWindow, initialWeights } from '../../operators/lstm/model.ts';
import type { KernelCode } from '../../operators/lstm/packed/create-kernels.ts';
import { nativeCodes, peakFlops } from '../../operators/lstm/packed/native-kernels.ts';
import { PackedBackend } from '../../operators/lstm/packed/packed-backend.ts';
import { compileWasm } from '../../operators/lstm/packed/wasm-kernels.ts';
import { endToEnd } from './end-to-end.ts';
import { Peer, type PeerVariant, type Timing } from './peer.ts';
import { dataOf, modelOf, WORKLOADS, type Workload } from './workloads.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: 'W1,W2,W3,W4' },
    'end-to-end': { type: 'string' },
  },
});
if (options['end-to-end'] !== undefined) {
  await endToEnd(Number(options['end-to-end']));
  process.exit();
}
const rounds = Number(options.rounds);
const workloads = WORKLOADS.filter(({ name }) => options.only.split(',').includes(name));

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

interface Variant {
  readonly name: string;
  readonly code: KernelCode;
  readonly threads: number;
}

const codes: readonly KernelCode[] = [
  ...nativeCodes().map((native) => ({ kind: 'native', native }) as const),
  { kind: 'wasm', wasm: compileWasm() },
];
const nameOf = (code: KernelCode) => (code.kind === 'wasm' ? code.wasm.name : code.native.name);
const variants: readonly Variant[] = codes.flatMap((code) =>
  [1, 2].map((threads) => ({ name: `${nameOf(code)}, ${threads} thread${threads > 1 ? 's' : ''}`, code, threads })),
);
const peerVariants: readonly PeerVariant[] = [1, 2].flatMap((threads) =>
  [false, true].map((fused) => ({ threads, fused })),
);

function measure(step: () => void, budget: number): Timing {
  const times: number[] = [];
  for (const end = performance.now() + budget; times.length < 2 || performance.now() < end; ) {
    const began = performance.now();
    step();
    times.push(performance.now() - began);
  }
  return { median: median(times), least: Math.min(...times) };
}

function stepOf(
  task: 'train' | 'predict',
  workload: Workload,
  backend: TrainingBackend,
  starts: Uint32Array,
): () => void {
  if (task === 'train') return () => backend.trainStep(starts, { learningRate: 1e-3, dropoutSeed: 0 });
  const outputs = new Float32Array(workload.batch * outputsPerWindow(modelOf(workload), workload.window));
  return () => backend.predict(starts, outputs);
}

async function compare(task: 'train' | 'predict', workload: Workload, peer: Peer | undefined): Promise<void> {
  const spec = modelOf(workload);
  const data = dataOf(workload);
  const backends = variants.map(({ code, threads }) => {
    const backend = new PackedBackend(spec, data, { batch: workload.batch, threads, code });
    backend.setWeights(initialWeights(spec, 1));
    backend.startOptimizer({ name: 'adam', learningRate: 1e-3 });
    const step = stepOf(task, workload, backend, data.starts);
    for (let k = 0; k < 20; k++) step();
    return { backend, step };
  });
  const ours = variants.map((): Timing[] => []);
  const theirs = peerVariants.map((): Timing[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [v, variant] of peerVariants.entries()) {
      if (peer) theirs[v]!.push(await peer.measure(workload, task, variant));
    }
    for (const [v, { step }] of backends.entries()) ours[v]!.push(measure(step, workload.budget));
  }
  for (const { backend } of backends) backend[Symbol.dispose]();

  const best = (round: number, among: (variant: PeerVariant) => boolean) =>
    Math.min(...theirs.filter((_, v) => among(peerVariants[v]!)).map((times) => times[round]?.median ?? Number.NaN));
  const ratio = (times: readonly Timing[], among: (variant: PeerVariant) => boolean) =>
    median(times.map((time, round) => time.median / best(round, among))).toFixed(2);
  const flops = flopsPerWindow(spec, workload) * workload.batch;
  console.log(
    `\n${workload.name} ${task}: ${workload.batch} windows of ${workload.window} × ${workload.inputs}, ${workload.hidden} units`,
  );
  console.log(
    '| variant | median ms | least ms | GFLOP/s at the least | / best PyTorch | / PyTorch 1 thread | least / least PyTorch |',
  );
  console.log('|---|---|---|---|---|---|---|');
  const least = (times: readonly Timing[]) => Math.min(...times.map((time) => time.least));
  const leastPeer = Math.min(...theirs.map(least));
  const row = (name: string, times: readonly Timing[]) => {
    const rate = task === 'train' ? (flops / least(times) / 1e6).toFixed(0) : '';
    const ratios = peer
      ? [ratio(times, () => true), ratio(times, ({ threads }) => threads === 1), (least(times) / leastPeer).toFixed(2)]
      : ['', '', ''];
    const middle = median(times.map((time) => time.median)).toFixed(3);
    console.log(`| ${[name, middle, least(times).toFixed(3), rate, ...ratios].join(' | ')} |`);
  };
  if (peer)
    peerVariants.forEach(({ fused, threads }, v) => {
      row(`PyTorch, ${threads} thread${threads > 1 ? 's' : ''}${fused ? ', fused Adam' : ''}`, theirs[v]!);
    });
  variants.forEach(({ name }, v) => {
    row(name, ours[v]!);
  });
}

using peer = await Peer.start();
console.log(
  `Node ${process.version}, ${peer ? `PyTorch ${peer.version}` : 'no python3 with torch: ours alone'}, ${rounds} rounds`,
);
for (const native of nativeCodes()) {
  console.log(`FMA peak of one thread, ${native.name}: ${(peakFlops(native) / 1e9).toFixed(0)} GFLOP/s`);
}
for (const workload of workloads) await compare('train', workload, peer);
for (const workload of workloads.filter(({ name }) => name === 'W2')) await compare('predict', workload, peer);
