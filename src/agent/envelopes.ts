/**
 * The standing stream's messages as gRPC puts them on the wire: one byte of flags, four of length, the protobuf message.
 * A payload is nearly all of its message, so it is neither copied into one before it is sent, nor out of one after it came.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import {
  type AgentMessage,
  AgentMessageSchema,
  AnswerSchema,
  CallSchema,
  type CoordinatorMessage,
  CoordinatorMessageSchema,
  type PayloadRef,
  PayloadRefSchema,
  ReplySchema,
} from './protocol/agent_pb.ts';

const HEADER_BYTES = 5;

/** Weights are read where they lie, and must lie where floats may. */
const ALIGNMENT = 4;

/** More than a catalog and the payloads of one call together. */
const MOST_BYTES = 256 << 20;

/** One message in pieces, its payloads as they are given: the last one ends the message. */
export function enveloped(message: AgentMessage | CoordinatorMessage): Uint8Array[] {
  const pieces = message.$typeName === AgentMessageSchema.typeName ? ofAgent(message) : ofCoordinator(message);
  const header = new Uint8Array(HEADER_BYTES);
  new DataView(header.buffer).setUint32(1, lengthOf(pieces));
  return [header, ...pieces];
}

function ofAgent(message: AgentMessage): Uint8Array[] {
  const { content } = message;
  if (content.case !== 'reply' || content.value.outcome.case !== 'answer')
    return [toBinary(AgentMessageSchema, message)];
  const { id, outcome } = content.value;
  const answer = [
    toBinary(AnswerSchema, { ...outcome.value, payloads: [] }),
    ...outcome.value.payloads.flatMap((each) => field(AnswerSchema.field.payloads.number, payload(each))),
  ];
  const reply = [toBinary(ReplySchema, create(ReplySchema, { id })), ...field(ReplySchema.field.answer.number, answer)];
  return field(AgentMessageSchema.field.reply.number, reply);
}

function ofCoordinator(message: CoordinatorMessage): Uint8Array[] {
  const { content } = message;
  if (content.case !== 'call') return [toBinary(CoordinatorMessageSchema, message)];
  const call = [
    toBinary(CallSchema, { ...content.value, payloads: [] }),
    ...content.value.payloads.flatMap((each) => field(CallSchema.field.payloads.number, payload(each))),
  ];
  return field(CoordinatorMessageSchema.field.call.number, call);
}

function payload({ data, digest, size }: PayloadRef): Uint8Array[] {
  const ref = toBinary(PayloadRefSchema, create(PayloadRefSchema, { digest, size }));
  return data.length === 0 ? [ref] : [ref, ...field(PayloadRefSchema.field.data.number, [data])];
}

/** A field of bytes, or of a message: its number, its length, and what it holds. */
function field(number: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  const head = new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(lengthOf(pieces)).finish();
  return [head, ...pieces];
}

const lengthOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** Puts messages together from chunks as they come. */
export class EnvelopeReader<M extends AgentMessage | CoordinatorMessage> {
  readonly #schema: GenMessage<M>;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #body: Uint8Array | undefined;
  #have = 0;

  constructor(schema: GenMessage<M>) {
    this.#schema = schema;
  }

  /** The messages that end in `chunk`. @throws CausewayError XX001 for what is no message of this stream. */
  *read(chunk: Uint8Array): Generator<M> {
    let rest = chunk;
    for (;;) {
      rest = this.#fill(this.#body ?? this.#header, rest);
      if (this.#have < (this.#body ?? this.#header).length) return;
      this.#have = 0;
      if (this.#body === undefined) {
        this.#body = bodyFor(this.#header);
      } else {
        const body = this.#body;
        this.#body = undefined;
        yield fromBinary(this.#schema, body);
      }
    }
  }

  #fill(target: Uint8Array, from: Uint8Array): Uint8Array {
    const taken = from.subarray(0, target.length - this.#have);
    target.set(taken, this.#have);
    this.#have += taken.length;
    return from.subarray(taken.length);
  }
}

/** Room for the message that `header` announces; its end is aligned, and so is a payload that ends it. */
function bodyFor(header: Uint8Array): Uint8Array {
  const length = new DataView(header.buffer).getUint32(1);
  if (header[0] !== 0 || length > MOST_BYTES) {
    throw new CausewayError(
      SQLSTATE.dataCorrupted,
      `the link carries a message of ${length} bytes (flags ${header[0]})`,
    );
  }
  const before = -length & (ALIGNMENT - 1);
  return Buffer.allocUnsafeSlow(before + length).subarray(before);
}
