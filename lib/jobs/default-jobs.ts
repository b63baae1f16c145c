import { automaticDevice, chooseThreads } from '../model/load-options.ts';

/**
 * Chooses how many runs there are at a time where nobody says: one a thread, and one alone where any of them is computed
 * on a card, whose memory and multiprocessors they would share.
 *
 * @param devices of the runs' configurations
 * @param automatic gives the name of the device that `auto` takes
 */
export const defaultJobs = (devices: readonly string[], automatic = () => automaticDevice().name): number => {
  const named = new Set(devices.map((device) => (device === 'auto' ? automatic() : device)));
  return [...named].some((name) => name.startsWith('cuda')) ? 1 : chooseThreads(undefined);
};
