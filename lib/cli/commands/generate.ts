import { InvalidArgumentError, Option } from 'commander';
import { type CommandDefinition, counting, jsonLines, repeated } from '../command.ts';
import { modelOf } from '../model-folder.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { count, megabytes, printJson, printLine } from '../terminal/output.ts';
import { progressDisplay } from '../terminal/progress.ts';

interface GenerateCommandOptions {
  prompt: string;
  chat?: boolean;
  system?: string;
  maxTokens: number;
  temperature: number;
  topK?: number;
  topP: number;
  seed: number;
  stop: string[];
  dtype: string;
  json?: boolean;
}

const number = (value: string): number => {
  if (value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  throw new InvalidArgumentError('Expected a number.');
};

const real = (flags: string, help: string, absent: number): Option =>
  new Option(flags, help).argParser(number).default(absent);

/** The prompt given, or all of stdin. */
const readPrompt = async (prompt: string): Promise<string> => {
  if (prompt !== '-') return prompt;
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
};

export const command: CommandDefinition = {
  argument: 'the folder of a causal model, or of a run that trained one',
  options: [
    new Option('--prompt <text>', 'text to continue; - is stdin').makeOptionMandatory(),
    new Option('--chat', "ask the prompt as a user, in the model's chat template"),
    new Option('--system <text>', 'with --chat: what the system says first'),
    counting('--max-tokens <number>', 'tokens of the continuation, at most', 256),
    real('--temperature <number>', 'what logits are divided by before a token is drawn; 0: the most probable one', 0),
    counting('--top-k <number>', 'draw from the k most probable tokens'),
    real('--top-p <number>', 'draw from the most probable tokens that have this probability together', 1),
    counting('--seed <number>', 'seed that tokens are drawn from', 0),
    repeated('--stop <text>', 'text that ends the continuation; may be repeated'),
    new Option('--dtype <type>', 'type of the weights in memory').choices(['float32', 'bfloat16']).default('bfloat16'),
    jsonLines,
  ],
  async action(path: string, options: GenerateCommandOptions) {
    const { ZestError } = await import('../../errors.ts');
    const { Model } = await import('../../model/model.ts');
    const { loadChatTemplate } = await import('../../tasks/chat-template.ts');
    const { streamText } = await import('../../tasks/generate-text.ts');
    const { Tokenizer } = await import('../../tasks/tokenizer.ts');
    const { chat = false, system, json, prompt: given, dtype, ...sampling } = options;
    const signal = stopSignal();
    const folder = await modelOf(path);
    const prompt = await readPrompt(given);
    const tokenizer = await Tokenizer.load(folder);
    let text = prompt;
    if (chat) {
      const template = await loadChatTemplate(folder);
      if (!template) {
        throw new ZestError(
          'ERR_ZEST_TEMPLATE',
          `${folder} has no chat template; leave --chat out, or take an instruction-tuned model`,
        );
      }
      const messages = [{ role: 'user', content: prompt }];
      text = template.render(system === undefined ? messages : [{ role: 'system', content: system }, ...messages]);
    } else if (system !== undefined) {
      throw new ZestError('ERR_ZEST_OPTION', '--system is for a chat; add --chat, or write it into the prompt');
    }
    const progress = await progressDisplay();
    const model = await Model.load(folder, {
      device: 'cpu', // which is where generation runs
      dtype: dtype as 'bfloat16',
      signal,
      onProgress: (done, total) => progress({ label: 'reading', done, total, detail: megabytes(done) }),
    });
    const began = performance.now();
    const pieces: string[] = [];
    try {
      for await (const piece of streamText(model, tokenizer, text, { ...sampling, hasSpecialTokens: chat, signal })) {
        pieces.push(piece);
        if (!json) process.stdout.write(piece);
      }
    } finally {
      model.dispose();
    }
    const seconds = (performance.now() - began) / 1000;
    const continuation = pieces.join('');
    const tokens = tokenizer.encode(continuation, { addSpecialTokens: false }).length;
    if (json) printJson({ kind: 'generated', text: continuation, tokens, seconds });
    else process.stdout.write('\n');
    printLine(`${count(tokens)} tokens in ${seconds.toFixed(1)} s, ${(tokens / seconds).toFixed(1)} a second`);
  },
};
