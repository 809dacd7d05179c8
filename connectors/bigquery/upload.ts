/** A resumable upload (Google's media upload protocol): a job's description, then its data in parts, each sent again if need be. */
import { RequestRefused } from './errors.ts';
import type { BigQuerySession } from './session.ts';

/** The service wants more of the data. */
const MORE = 308;

export class Upload {
  readonly #session: BigQuerySession;
  readonly #signal: AbortSignal;
  readonly #start: () => Promise<string>;
  #address: Promise<string> | undefined;
  /** Bytes that the service has. */
  #stored = 0;

  constructor(session: BigQuerySession, project: string, job: unknown, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
    this.#start = async () => {
      const path = `${session.endpoint}/upload/bigquery/v2/projects/${project}/jobs`;
      const headers = { 'x-upload-content-type': 'application/octet-stream' };
      const query = { uploadType: 'resumable' };
      const answer = await session.request({ method: 'POST', path, query, json: job, headers }, signal);
      const address = answer.headers.get('location');
      if (address === null) throw new RequestRefused(answer.status, { message: 'it gave no address to upload to' });
      return address;
    };
  }

  /** A part of the data that is not the last one; a multiple of 256 KiB. */
  send(part: Uint8Array): Promise<void> {
    return this.#send(part, false);
  }

  /** The last part, be it empty: the job begins. */
  finish(part: Uint8Array): Promise<void> {
    return this.#send(part, true);
  }

  async #send(part: Uint8Array, last: boolean): Promise<void> {
    this.#address ??= this.#start();
    const path = await this.#address;
    const end = this.#stored + part.length;
    for (let rest = part; ; rest = part.subarray(part.length - (end - this.#stored))) {
      const bytes = rest.length === 0 ? '*' : `${this.#stored}-${end - 1}`;
      const headers = { 'content-range': `bytes ${bytes}/${last ? end : '*'}` };
      const { status, headers: said } = await this.#session.request(
        { method: 'PUT', path, body: rest, headers, allowed: [MORE] },
        this.#signal,
      );
      if (status !== MORE) return;
      const stored = Number(/-(\d+)$/.exec(said.get('range') ?? '')?.[1] ?? -1) + 1;
      if (stored <= this.#stored && rest.length > 0)
        throw new RequestRefused(status, { message: 'the upload does not go on' });
      this.#stored = stored;
      if (stored >= end && !last) return;
    }
  }
}
