/** A dataset of a BigQuery project as a silo. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { Connector, SiloOptions } from '../connector.ts';
import { checkOptions } from '../options.ts';
import { bigqueryCapabilities } from './capabilities.ts';
import { locationOf } from './catalog.ts';
import { LIST_PRICE } from './cost.ts';
import { bigqueryErrors } from './errors.ts';
import { LargeResults } from './large-results.ts';
import { LOGIN_OPTIONS, secretsOf, signIn } from './login.ts';
import { BigQuerySession } from './session.ts';
import { BigQuerySilo } from './silo.ts';
import { STORAGE_ENDPOINT } from './storage-client.ts';
import { functionName } from './training/step.ts';

export const bigquery: Connector = {
  kind: 'bigquery',
  options: [
    { name: 'project', description: 'the project that the dataset stands in', required: true },
    { name: 'dataset', description: 'the dataset to import', required: true },
    ...LOGIN_OPTIONS,
    { name: 'billing_project', description: 'the project that jobs run in and that pays; project when absent' },
    { name: 'location', description: 'where jobs run: EU, us-central1; the dataset’s own when absent' },
    { name: 'labels', description: 'of every job, name=value separated by commas' },
    { name: 'max_bytes_billed', description: 'a statement that would be billed for more fails at the service' },
    {
      name: 'price_per_tib',
      description: `money for a TiB that is read; ${LIST_PRICE} when absent, 0 with reserved capacity`,
    },
    {
      name: 'storage_endpoint',
      description: 'of the Storage Read API, beside endpoint; none: every result is read page by page through REST',
    },
    {
      name: 'training_function',
      description: 'the installed function of `causeway agent manifest --for bigquery-udf`: TRAIN may call it',
    },
    { name: 'endpoint', description: 'https://host of a private endpoint, http://host:port of an emulator' },
  ],
  capabilities: bigqueryCapabilities,
  async connect(options, signal) {
    checkOptions(bigquery, options);
    const { project = '', dataset = '' } = options;
    const billingProject = options.billing_project ?? project;
    const { training_function } = options;
    const trainer = training_function === undefined ? {} : { trainer: functionName(training_function) };
    const tokens = await signIn(options);
    const address = `${project}.${dataset}`;
    const session = new BigQuerySession(tokens, (more) =>
      bigqueryErrors(address, () => [...secretsOf(options), ...more()]),
    );
    const maxBytesBilled = wholeNumber(options, 'max_bytes_billed');
    const place = {
      ...{ session, project, dataset, billingProject, labels: labelsOf(options.labels) },
      ...(maxBytesBilled === undefined ? {} : { maxBytesBilled }),
    };
    const found = await locationOf(place, signal);
    const location = options.location ?? found;
    if (location.toLowerCase() !== found.toLowerCase()) {
      throw new CausewayError(
        SQLSTATE.invalidParameterValue,
        `the dataset ${address} stands in ${found}, and jobs in ${location} cannot read it`,
        { hint: `Set the option location to '${found}', or leave it out.` },
      );
    }
    const storage = storageEndpoint(options);
    const headers = (until: AbortSignal, refused?: string) => session.headers(until, refused);
    return new BigQuerySilo({
      ...place,
      ...trainer,
      ...(storage === undefined ? {} : { large: new LargeResults({ endpoint: storage, headers }) }),
      location,
      pricePerTib: priceOf(options),
      context: `bigquery:${tokens.endpoint}:${project}:${location}:${billingProject}:${whoOf(options)}`,
    });
  },
};

/** Whose eyes see the tables, as far as the options tell. */
const whoOf = ({ impersonate, key_file: file, key }: SiloOptions): string =>
  impersonate ?? file ?? (key === undefined ? '' : (/"client_email"\s*:\s*"([^"]*)"/.exec(key)?.[1] ?? 'key'));

/** Undefined where the API is not to be used: by the user's word, or because a server that stands in for the service has none. */
function storageEndpoint({ endpoint, storage_endpoint: text }: SiloOptions): string | undefined {
  if (text === undefined) return endpoint === undefined ? STORAGE_ENDPOINT : undefined;
  if (text === 'none') return undefined;
  if (/^https?:\/\/[^/]+\/?$/.test(text) && URL.canParse(text)) return text;
  throw new CausewayError(SQLSTATE.invalidParameterValue, `the option storage_endpoint is no address: "${text}"`, {
    hint: "Write it as 'https://host' or 'http://host:port', or 'none' to read results page by page.",
  });
}

/** Label of every job beside the user's own: bills are told apart by it. */
const OWN_LABEL = { causeway: 'query' };

function labelsOf(text: string | undefined): Readonly<Record<string, string>> {
  const labels: Record<string, string> = { ...OWN_LABEL };
  for (const part of text?.split(',') ?? []) {
    const [, name, value] =
      /^\s*([\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62})\s*=\s*([\p{Ll}\p{Lo}\p{N}_-]{0,63})\s*$/u.exec(part) ?? [];
    if (name === undefined) {
      throw new CausewayError(SQLSTATE.invalidParameterValue, `"${part.trim()}" in the option labels is no label`, {
        hint: "Write labels as 'team=energy,env=prod': lower case letters, digits, - and _.",
      });
    }
    labels[name] = value!;
  }
  return labels;
}

function wholeNumber(options: SiloOptions, name: string): string | undefined {
  const text = options[name];
  if (text === undefined || /^[1-9]\d*$/.test(text)) return text;
  throw new CausewayError(SQLSTATE.invalidParameterValue, `the option ${name} is a number of bytes, not "${text}"`);
}

function priceOf({ price_per_tib: text }: SiloOptions): number {
  const price = text === undefined ? LIST_PRICE : Number(text);
  if (Number.isFinite(price) && price >= 0) return price;
  throw new CausewayError(
    SQLSTATE.invalidParameterValue,
    `the option price_per_tib is an amount of money, not "${text}"`,
  );
}
