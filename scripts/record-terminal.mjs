// Runs a command and draws what it prints, both streams as they come, as a picture of a terminal:
//   node scripts/record-terminal.mjs docs/demo.svg npm run --silent demo
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';

const FONT_SIZE = 13; // px
const CHARACTER_WIDTH = 0.602 * FONT_SIZE; // of the usual monospaced fonts
const LINE_HEIGHT = 18; // px
const MARGIN = 16; // px
const MIN_COLUMNS = 80;

const [file, command, ...args] = process.argv.slice(2);
if (!file || !command) {
  console.error('usage: node scripts/record-terminal.mjs FILE.svg COMMAND [ARGUMENT …]');
  process.exit(2);
}

const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
let text = '';
for (const stream of [child.stdout, child.stderr]) {
  stream.setEncoding('utf8').on('data', (piece) => {
    text += piece;
    process.stderr.write(piece);
  });
}
const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
if (status !== 0) {
  console.error(`${command} ended with status ${status}; no picture is written`);
  process.exit(1);
}

const typed = [command, ...args].map((word) => (/[^\w./=-]/.test(word) ? JSON.stringify(word) : word)).join(' ');
const escaped = (line) => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const lines = text.trimEnd().split('\n');
const columns = Math.max(MIN_COLUMNS, ...lines.map((line) => line.length));
const width = Math.ceil(2 * MARGIN + columns * CHARACTER_WIDTH);
const height = 2 * MARGIN + (lines.length + 2) * LINE_HEIGHT;
const row = (line, i, color) =>
  `<text x="${MARGIN}" y="${(MARGIN + (i + 0.8) * LINE_HEIGHT).toFixed(1)}" fill="${color}" xml:space="preserve">${escaped(line)}</text>`;
const svg = [
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
  `<title>${escaped(typed)}</title>`,
  `<rect width="${width}" height="${height}" rx="8" fill="#16181d"/>`,
  `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT_SIZE}">`,
  row(`$ ${typed}`, 0, '#7ee787'),
  ...lines.map((line, i) => row(line, i + 2, '#d7dae0')),
  '</g>',
  '</svg>',
];
await writeFile(file, `${svg.join('\n')}\n`);
