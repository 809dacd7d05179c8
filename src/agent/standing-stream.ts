/** Both ends of the protocol's standing stream (AgentLink.Connect): a gRPC call on an HTTP/2 stream of its own. */
import { once } from 'node:events';
import { type ClientHttp2Stream, constants, type Http2ServerResponse, type Http2Stream } from 'node:http2';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { Code, ConnectError } from '@connectrpc/connect';
import { messageOf } from '../plan/errors.ts';
import { EnvelopeReader, enveloped } from './envelopes.ts';
import { Outbox } from './outbox.ts';
import {
  AgentLink,
  type AgentMessage,
  AgentMessageSchema,
  type CoordinatorMessage,
  CoordinatorMessageSchema,
} from './protocol/agent_pb.ts';

export const STANDING_STREAM_PATH = `/${AgentLink.typeName}/${AgentLink.method.connect.name}`;

export const STANDING_STREAM_HEADERS = { 'content-type': 'application/grpc+proto', te: 'trailers' };

/** Messages that may wait for their reader before the other end is held back. */
const MOST_WAITING = 8;

/** The coordinator's end: what `answer` makes of the agent's messages is sent until either side ends. */
export async function answerStream(
  response: Http2ServerResponse,
  answer: (messages: AsyncIterable<AgentMessage>) => AsyncIterable<CoordinatorMessage>,
): Promise<void> {
  const { stream } = response;
  let fault: unknown;
  try {
    const outgoing = answer(received(stream, AgentMessageSchema));
    response.writeHead(200, { 'content-type': 'application/grpc+proto' });
    await send(stream, outgoing);
  } catch (thrown) {
    fault = thrown;
  }
  if (stream.destroyed) return;
  response.addTrailers(trailersOf(fault));
  response.end();
}

/** The agent's end: sends `messages`, and iterates over what comes. @throws ConnectError when the coordinator ends it so. */
export async function* openStream(
  stream: ClientHttp2Stream,
  messages: AsyncIterable<AgentMessage>,
  signal: AbortSignal,
): AsyncGenerator<CoordinatorMessage> {
  let refusal: ConnectError | undefined;
  const incoming = received(stream, CoordinatorMessageSchema);
  const cancel = (): void => {
    incoming.close();
    stream.close(constants.NGHTTP2_CANCEL);
  };
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  stream.on('trailers', (trailers) => {
    const status = Number(trailers['grpc-status'] ?? 0);
    if (status !== 0) refusal = new ConnectError(decodeURIComponent(String(trailers['grpc-message'] ?? '')), status);
  });
  send(stream, messages).then(
    () => stream.end(),
    () => stream.close(constants.NGHTTP2_CANCEL),
  );
  try {
    yield* incoming;
    signal.throwIfAborted();
    if (refusal !== undefined) throw refusal;
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}

/** One message after the other, each when the one before has gone out. */
async function send(stream: Http2Stream, messages: AsyncIterable<AgentMessage | CoordinatorMessage>): Promise<void> {
  const closed = new AbortController();
  stream.once('close', () => closed.abort());
  for await (const message of messages) {
    if (stream.destroyed || stream.closed) return;
    stream.cork();
    let room = true;
    for (const piece of enveloped(message)) room = stream.write(piece);
    stream.uncork();
    if (!room && stream.writableNeedDrain) await once(stream, 'drain', closed).catch(() => undefined);
  }
}

function received<M extends AgentMessage | CoordinatorMessage>(stream: Http2Stream, schema: GenMessage<M>): Outbox<M> {
  const arrived = new Outbox<M>(MOST_WAITING);
  const reader = new EnvelopeReader(schema);
  stream.on('data', (chunk: Uint8Array) => {
    try {
      for (const message of reader.read(chunk)) {
        stream.pause();
        void arrived.push(message).then(() => stream.resume());
      }
    } catch (thrown) {
      arrived.close(thrown);
      stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
    }
  });
  stream.once('end', () => arrived.close());
  stream.once('error', (error) => arrived.close(error));
  stream.once('close', () => arrived.close());
  return arrived;
}

/** Percent-encoded, as gRPC wants messages in headers. */
function trailersOf(fault: unknown): Record<string, string> {
  if (fault === undefined) return { 'grpc-status': '0' };
  const { code, rawMessage } =
    fault instanceof ConnectError ? fault : new ConnectError(messageOf(fault), Code.Internal);
  return { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(rawMessage) };
}
