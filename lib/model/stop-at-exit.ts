import type { NativeEngine } from '../native/binding.ts';

const live = new Set<WeakRef<NativeEngine>>();
let listens = false;
const collected = new FinalizationRegistry<WeakRef<NativeEngine>>((reference) => live.delete(reference));

/**
 * Has an engine stop its thread when the process ends. `process.exit` runs no cleanup hooks: without this, a call under
 * way would run on while the process is taken down beneath it.
 */
export const stopAtExit = (engine: NativeEngine): void => {
  if (!listens) {
    listens = true;
    process.once('exit', () => {
      const engines = [...live].flatMap((reference) => reference.deref() ?? []);
      for (const engine of engines) engine.dispose();
      for (const engine of engines) engine.stop();
    });
  }
  const reference = new WeakRef(engine);
  live.add(reference);
  collected.register(engine, reference);
};
