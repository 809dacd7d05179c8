/** The HTTP server: over TLS where the endpoint has it. */
import type { Server } from 'node:http';
import { createServer as createSecureServer, Server as SecureServer } from 'node:https';
import { serve } from '@hono/node-server';
import { CausewayError, messageOf, SQLSTATE } from '../../plan/errors.ts';
import type { KeyPair } from '../auth/server-identity.ts';
import { type HttpOptions, httpApp } from './app.ts';

export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  readonly tls?: KeyPair;
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  /** From here on new connections see this certificate. */
  renewCertificate(pair: KeyPair): void;
}

/** @throws CausewayError 58030 when the port is taken */
export function listenHttp(options: HttpOptions, { host, port, tls }: HttpPlace): Promise<HttpServer> {
  return new Promise((resolve, reject) => {
    const secure =
      tls === undefined
        ? {}
        : {
            createServer: createSecureServer,
            serverOptions: secureOptions(tls),
          };
    const server = serve({ fetch: httpApp(options).fetch, hostname: host, port, ...secure }, ({ port: actual }) =>
      resolve({
        port: actual,
        renewCertificate(pair) {
          if (server instanceof SecureServer) server.setSecureContext(secureOptions(pair));
        },
        async [Symbol.asyncDispose]() {
          (server as Server).closeAllConnections();
          await new Promise((closed) => server.close(closed));
        },
      }),
    );
    server.once('error', (cause) => {
      reject(new CausewayError(SQLSTATE.ioError, `cannot listen on ${host}:${port}: ${messageOf(cause)}`, { cause }));
    });
  });
}

const secureOptions = ({ key, certificate }: KeyPair) => ({ key, cert: certificate, minVersion: 'TLSv1.3' as const });
