import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { progressLine } from '../../lib/cli/terminal/progress.ts';
import { film } from '../fixtures/film.ts';
import { scratchFolder } from '../fixtures/scratch.ts';
import { zest } from './zest.ts';

const CLI = fileURLToPath(new URL('../../lib/cli', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Clears a screen, sets a title, rings, moves the cursor, and a CSI of one character. */
const HOSTILE = '\x1b[2J\x1b]0;title\x07\b\r\x9b31m';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const OBEYED = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;

describe('what reaches a terminal', () => {
  it('is written in one file of the command line', () => {
    const sources = readdirSync(CLI, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const writers = sources.filter((name) =>
      /\bconsole\.|process\.std(out|err)\.write|\bstd(out|err)\.write/.test(readFileSync(join(CLI, name), 'utf8')),
    );
    expect(writers).toEqual([join('terminal', 'output.ts')]);
  });

  it('is no control character in a line of progress', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (label, detail) => {
        expect(progressLine({ label, done: 1, total: 2 }, detail, 100)).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 30 },
    );
  });
});

describe('control characters in names and data', () => {
  const folder = scratchFolder();
  const path = (name: string) => join(folder, name);
  beforeAll(() => {
    const rows = Array.from({ length: 12 }, (_, i) => ({
      text: `${HOSTILE} film ${i}\n${HOSTILE}`,
      [`other${HOSTILE}`]: HOSTILE,
      label: i % 2 ? `good${HOSTILE}` : `bad${HOSTILE}`,
    }));
    writeFileSync(path('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    writeFileSync(path('torn.jsonl'), `{"a": "${HOSTILE}\n`);
    writeFileSync(
      path('config.yaml'),
      stringify({
        model: film,
        head: { classes: 2 },
        task: { kind: 'class', fields: ['text'], classes: 2, labels: [`bad${HOSTILE}`, `good${HOSTILE}`] },
        trainable: 'head',
        data: { train: path('rows.jsonl'), validation: path('rows.jsonl') },
        optimizer: { method: 'mezo', learningRate: 1e-6 },
        training: { steps: 1, batchSize: 2 },
        output: path('run'),
      }),
    );
    mkdirSync(path(`model${HOSTILE}`));
    writeFileSync(path(`model${HOSTILE}/config.json`), `{ "model_type": "bert${HOSTILE}" }`);
  });

  const commands: [string, number, string[]][] = [
    ['a dry run', 0, ['train', 'IN/config.yaml', '--dry-run']],
    ['a run', 0, ['train', 'IN/config.yaml', '--overwrite']],
    ['a score', 0, ['evaluate', 'IN/config.yaml', '--json']],
    ['answers', 0, ['predict', 'IN/config.yaml', '--input', 'IN/rows.jsonl']],
    ['a look at data', 0, ['init', 'IN/rows.jsonl', '--output', 'IN/made.yaml']],
    ['a broken line', 2, ['train', 'IN/config.yaml', '--set', 'data.train=IN/torn.jsonl']],
    ['a key that is not known', 2, ['train', 'IN/config.yaml', '--set', `x${HOSTILE}=1`]],
    ['a name of a model', 1, ['generate', `model${HOSTILE}`, '--prompt', 'a', '--json']],
    ['a file that is not there', 2, ['report', `not there${HOSTILE}`]],
    ['an option that is not there', 2, ['train', `--x${HOSTILE}`]],
    ['a command that is not there', 2, [`x${HOSTILE}`]],
  ];
  it.each(commands)('of %s', async (_, expected, args) => {
    const { status, stdout, stderr } = await zest(args.map((each) => each.replace('IN/', `${folder}/`)));
    expect(stderr).not.toMatch(OBEYED);
    expect(stdout).not.toMatch(OBEYED);
    expect(status, stderr).toBe(expected);
  });

  // `script` gives a program a terminal.
  const hasTerminal = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
  it.skipIf(!hasTerminal)('of a text that is asked for, where that is shown', () => {
    const args = ['report', '--output', '-', 'run'].join(' ');
    const { stdout } = spawnSync(
      'script',
      ['-qec', `cd '${folder}'; '${process.execPath}' '${MAIN}' ${args}`, '/dev/null'],
      {
        encoding: 'utf8',
      },
    );
    expect(stdout.replaceAll('\r\n', '\n').replaceAll('\r\x1b[J', '')).not.toMatch(OBEYED);
  });
});
