/** Ctrl-C and SIGTERM as an abort signal: the first asks the statement to stop, the second ends the process. */
export function interruptSignal(): AbortController {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller;
}
