/** The HTTP server: over TLS where the endpoint has it. */
import type { Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { serve } from '@hono/node-server';
import { CausewayError, messageOf, SQLSTATE } from '../../plan/errors.ts';
import { type HttpOptions, httpApp } from './app.ts';

export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  /** PEM texts. */
  readonly tls?: { readonly key: string; readonly certificate: string };
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

/** @throws CausewayError 58030 when the port is taken */
export function listenHttp(options: HttpOptions, { host, port, tls }: HttpPlace): Promise<HttpServer> {
  return new Promise((resolve, reject) => {
    const secure =
      tls === undefined
        ? {}
        : {
            createServer: createSecureServer,
            serverOptions: { key: tls.key, cert: tls.certificate, minVersion: 'TLSv1.3' as const },
          };
    const server = serve({ fetch: httpApp(options).fetch, hostname: host, port, ...secure }, ({ port: actual }) =>
      resolve({
        port: actual,
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
