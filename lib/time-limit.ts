import { createContext, Script } from 'node:vm';

const context = createContext({ run: undefined as unknown });
const script = new Script('run()');

/**
 * Runs what a file asks for, and stops it when its time is up: a regular expression or a template of a few letters can
 * take for ever.
 *
 * @throws what `late` gives where time is up, and what `run` throws
 */
export const withinTime = <T>(seconds: number, run: () => T, late: (cause: unknown) => Error): T => {
  const before = context.run;
  context.run = run;
  try {
    return script.runInContext(context, { timeout: Math.ceil(1000 * seconds) });
  } catch (error) {
    throw (error as NodeJS.ErrnoException | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? late(error) : error;
  } finally {
    context.run = before;
  }
};
