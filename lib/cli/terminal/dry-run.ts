import { formatCount } from '../../text/show.ts';
import type { DryRun, PromptOverview } from '../../training/dry-run.ts';
import { estimateText, table, warningLine } from './output.ts';

/** Labels that have a column of their own. */
const MOST_COLUMNS = 8;

const dataTable = ({ data }: DryRun): string => {
  const names = data[0]?.classes.map(({ name }) => name) ?? [];
  const shown = names.length <= MOST_COLUMNS ? names : [];
  const rows = data.map(({ split, count: examples, classes, tokenized, medianTokens, mostTokens, cut }) => [
    split,
    formatCount(examples),
    ...classes.slice(0, shown.length).map((one) => formatCount(one.count)),
    `${medianTokens} (${mostTokens})`,
    tokenized < examples ? `${formatCount(cut)} of ${formatCount(tokenized)}` : formatCount(cut),
  ]);
  return table([['data', 'examples', ...shown, 'tokens (most)', 'cut'], ...rows], 1);
};

const promptLines = ({ source, text, tokens, cut, answer }: PromptOverview): string =>
  `${source}: ${tokens} tokens${cut > 0 ? `, ${cut} more are cut` : ''}, the answer is ${JSON.stringify(answer)}\n  ${text}`;

/** What a dry run found, for a person. */
export const dryRunText = (run: DryRun, train: string): string =>
  [
    `${run.family}, ${formatCount(run.parameterCount)} parameters, ${formatCount(run.dimension)} of them trained, on ${run.device}`,
    dataTable(run),
    `what the model sees:\n${run.prompts.map(promptLines).join('\n')}`,
    [
      ...run.warnings.map((warning) => warningLine(warning)),
      estimateText(run.estimate),
      `nothing was trained, and nothing written; ${train} does both`,
    ].join('\n'),
  ].join('\n\n');
