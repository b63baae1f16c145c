import { addAbortSignal } from 'node:stream';
import { Option } from 'commander';
import { isInterruption } from '../../abort.ts';
import { rangeError, ZestError } from '../../errors.ts';
import type { LoadOptions } from '../../model/load-options.ts';
import { formatCount } from '../../text/show.ts';
import { type CommandDefinition, counting, jsonLines, number, repeated } from '../command.ts';
import { modelOf } from '../model-folder.ts';
import { stopSignal } from '../terminal/interrupt.ts';
import { megabytes, printJson, printLine, printText } from '../terminal/output.ts';
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
  dtype: 'float32' | 'bfloat16';
  device: LoadOptions['device'];
  dequantize?: boolean;
  json?: boolean;
}

const real = (flags: string, help: string, absent: number): Option =>
  new Option(flags, help).argParser(number).default(absent);

/** Far above what any model takes. */
const MOST_PROMPT_BYTES = 1 << 26;

/** The prompt given, or all of stdin. */
const readPrompt = async (prompt: string, signal: AbortSignal): Promise<string> => {
  if (prompt !== '-') return prompt;
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of addAbortSignal(signal, process.stdin)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > MOST_PROMPT_BYTES) {
        throw rangeError(
          'ERR_ZEST_SEQUENCE_LENGTH',
          `the prompt on stdin is longer than ${megabytes(MOST_PROMPT_BYTES)}`,
        );
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
  } catch (cause) {
    throw rangeError('ERR_ZEST_ARGUMENT', 'the prompt on stdin is not UTF-8', { cause });
  }
};

/** Checks that what says how tokens are drawn is given only where they are. */
const assertDrawn = ({ temperature, topK, topP, seed }: GenerateCommandOptions): void => {
  if (temperature !== 0) return;
  const given = [topK && '--top-k', topP > 0 && topP < 1 && '--top-p', seed !== 0 && '--seed'].filter(Boolean);
  if (given.length === 0) return;
  const message = `${given.join(', ')} without --temperature: the most probable token is taken, and none drawn; add --temperature 1, say`;
  throw rangeError('ERR_ZEST_OPTION', message);
};

export const command: CommandDefinition = {
  argument: 'a causal model: its folder, a GGUF file, its name on the hub, or the folder of a run that trained one',
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
    new Option('--device <device>', 'where it is computed: cpu, cuda, cuda:1 or auto').default('cpu'),
    new Option('--dequantize', 'widen the quantised weights of a GGUF file: faster, and more memory'),
    jsonLines,
  ],
  async action(path: string, options: GenerateCommandOptions) {
    const { notCausal } = await import('../../model/generate.ts');
    const { Model } = await import('../../model/model.ts');
    const { adaptedSource } = await import('../../model/peft.ts');
    const { readSourceConfig } = await import('../../model/source.ts');
    const { loadChatTemplate } = await import('../../tasks/chat-template.ts');
    const { streamText } = await import('../../tasks/generate-text.ts');
    const { Tokenizer } = await import('../../tasks/tokenizer.ts');
    const { chat = false, system, json, prompt: given, dtype, device, dequantize, ...sampling } = options;
    assertDrawn(options);
    const signal = stopSignal();
    const folder = await modelOf(path);
    // First, so that what is no causal model is told as such, and not by its tokenizer.
    const { base } = await adaptedSource(folder, undefined, 'tokenizer', signal);
    const { modelType, family } = await readSourceConfig(base);
    if (!family.causal) throw notCausal(modelType, { causal: false });
    const prompt = await readPrompt(given, signal);
    const tokenizer = await Tokenizer.load(folder, { signal });
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
    const progress = progressDisplay();
    const model = await Model.load(folder, {
      device,
      dtype,
      trainable: 'none',
      dequantize,
      signal,
      onProgress: (done, total) => progress({ label: 'reading', done, total, detail: megabytes(done) }),
    });
    const began = performance.now();
    const pieces: string[] = [];
    let tokens = 0;
    const onToken = () => {
      tokens++;
    };
    let interrupted = false;
    try {
      const options = { ...sampling, hasSpecialTokens: chat, onToken, signal };
      for await (const piece of streamText(model, tokenizer, text, options)) {
        pieces.push(piece);
        if (!json) printText(piece);
      }
    } catch (error) {
      if (!json || !isInterruption(error, signal)) throw error;
      interrupted = true;
    } finally {
      model.dispose();
    }
    const seconds = (performance.now() - began) / 1000;
    const used = tokenizer.encode(text, { addSpecialTokens: !chat }).length + tokens;
    const isFull = tokens < sampling.maxTokens && used >= model.maxLength;
    const ended = interrupted
      ? 'interrupted'
      : isFull
        ? 'positions'
        : tokens < sampling.maxTokens
          ? 'stop'
          : 'maxTokens';
    if (json) printJson({ kind: 'generated', text: pieces.join(''), tokens, seconds, ended });
    else printText('\n');
    signal.throwIfAborted();
    const rate = `${formatCount(tokens)} tokens in ${seconds.toFixed(1)} s, ${(tokens / seconds).toFixed(1)} a second`;
    printLine(isFull ? `${rate}; the model's ${formatCount(model.maxLength)} positions are full` : rate);
  },
};
