/** The server's log: one JSON object per line, without secrets. */
import pino, { type DestinationStream, type Logger } from 'pino';
import { withoutSecrets } from './observer.ts';

/** Fields that may hold a secret, wherever they stand in what is logged. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'authorization', 'verifier', 'url', 'options'];

export function serverLog(level: string, destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '***',
      },
      // Messages of errors may quote the statement, or the address of a silo.
      serializers: { error: errorText },
      hooks: {
        logMethod(args, method) {
          const [first, second, ...more] = args;
          const clean = (value: unknown) => (typeof value === 'string' ? withoutSecrets(value) : value);
          method.apply(this, [clean(first), clean(second), ...more] as Parameters<typeof method>);
        },
      },
    },
    destination,
  );
}

const errorText = (error: unknown): string =>
  withoutSecrets(error instanceof Error ? (error.stack ?? error.message) : String(error));
