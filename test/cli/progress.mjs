// Shows progress in a terminal that is made narrower on the way, and prints a line amid it.
import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { printLine } from '../../dist/cli/terminal/output.js';
import { progressDisplay } from '../../dist/cli/terminal/progress.js';

const progress = progressDisplay();
for (let done = 1; done <= 9; done++) {
  progress({ label: 'training', unit: 'steps', done, total: 10, seconds: 2 * done, detail: `loss ${done}` });
  if (done === 3) spawnSync('stty', ['cols', '30'], { stdio: 'inherit' });
  await delay(110);
  if (done === 6) printLine('step 6');
}
printLine('the end');
