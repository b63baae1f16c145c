// A forest plot as SVG: for each row and column a mean with its interval, about zero.

const NAME_WIDTH = 150;
const COLUMN_WIDTH = 108;
const COLUMN_GAP = 14;
const ROW_HEIGHT = 22;
/** Of the title and the three lines of a column's name. */
const HEAD = 90;
const LINE_HEIGHT = 16;
const FOOT = 34;
/** Both ends of every column's axis, in points; what reaches further ends in an arrow. */
const LIMIT = 10;
const FONT = 12;
const COLORS = {
  above: '#0b7a4b',
  below: '#b3261e',
  neither: '#6b7280',
  zero: '#9ca3af',
  band: '#f3f4f6',
  text: '#1f2328',
};

const text = (x, y, content, more = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${COLORS.text}" ${more}>${content}</text>`;

const colorOf = ({ low, high }) => (low > 0 ? COLORS.above : high < 0 ? COLORS.below : COLORS.neither);

/** A comma breaks a column's title. */
export const forest = ({ title, rows, columns }) => {
  const width = NAME_WIDTH + columns.length * (COLUMN_WIDTH + COLUMN_GAP);
  const bottom = HEAD + rows.length * ROW_HEIGHT;
  const left = (column) => NAME_WIDTH + column * (COLUMN_WIDTH + COLUMN_GAP);
  const x = (column, value) => left(column) + (COLUMN_WIDTH * (value + LIMIT)) / (2 * LIMIT);
  const inside = (value) => Math.max(-LIMIT, Math.min(LIMIT, value));
  const y = (row) => HEAD + (row + 0.5) * ROW_HEIGHT;

  const bands = rows.map((_, row) =>
    row % 2 === 0
      ? `<rect x="0" y="${HEAD + row * ROW_HEIGHT}" width="${width}" height="${ROW_HEIGHT}" fill="${COLORS.band}"/>`
      : '',
  );
  const names = rows.map((name, row) => text(8, y(row) + 4, name));
  const mark = (column) => (estimate, row) => {
    const color = colorOf(estimate);
    const [low, high] = [inside(estimate.low), inside(estimate.high)].map((value) => x(column, value).toFixed(1));
    const arrow = (at, to) => `<path d="M${at} ${y(row) - 4}l${to} 4l${-to} 4z" fill="${color}"/>`;
    return [
      `<line x1="${low}" x2="${high}" y1="${y(row)}" y2="${y(row)}" stroke="${color}" stroke-width="1.5"/>`,
      estimate.low < -LIMIT ? arrow(low, -5) : '',
      estimate.high > LIMIT ? arrow(high, 5) : '',
      `<circle cx="${x(column, inside(estimate.value)).toFixed(1)}" cy="${y(row)}" r="3.5" fill="${color}"/>`,
    ].join('');
  };
  const column = ({ title, estimates }, at) => {
    const lines = title.split(', ').reverse();
    const middle = 'text-anchor="middle"';
    const ticks = [-LIMIT / 2, 0, LIMIT / 2].map((value) =>
      text(x(at, value), bottom + 16, `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value)}`, middle),
    );
    return [
      ...lines.map((line, i) => text(x(at, 0), HEAD - 10 - i * LINE_HEIGHT, line, middle)),
      `<line x1="${x(at, 0)}" x2="${x(at, 0)}" y1="${HEAD}" y2="${bottom + 4}" stroke="${COLORS.zero}"/>`,
      ...ticks,
      ...estimates.map(mark(at)),
    ].join('\n');
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + FOOT}" viewBox="0 0 ${width} ${bottom + FOOT}">
<title>${title}</title>
<rect width="${width}" height="${bottom + FOOT}" fill="#ffffff"/>
<g font-family="system-ui, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif" font-size="${FONT}">
${text(8, 22, title, 'font-weight="600" font-size="14"')}
${bands.filter(Boolean).join('\n')}
${names.join('\n')}
${columns.map(column).join('\n')}
</g>
</svg>
`;
};
