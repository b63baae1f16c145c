// Runs inside the page: values under the pointer, series on and off, another horizontal axis.
// What it works on is drawn by lib/report/chart.ts.
const data = JSON.parse(document.getElementById('data').textContent);
const { plot, width, lists } = data;
let axis = 0;

const number = (value, format) => {
  if (value === null) return '–';
  if (format === 'percent') return `${(100 * value).toFixed(1)} %`;
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString('en-US');
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3
    ? value.toExponential(3).replace('e+', 'e')
    : Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: 6 });
};

const pixels = ({ low, high, log }, values) =>
  values.map((value) => {
    const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return plot.left + share * (plot.right - plot.left);
  });

const charts = data.charts.map((chart) => {
  const svg = document.getElementById(chart.id);
  const groups = chart.series.map((_, i) => svg.querySelector(`[data-series="${i}"]`));
  return { ...chart, svg, groups, places: [] };
});

/** Where each value lies on the axis chosen; `move`: its marks as well. */
const place = (chart, move) => {
  chart.places = chart.series.map(({ x }) => pixels(chart.axes[axis] ?? chart.axes[0], lists[x[axis] ?? x[0]]));
  if (!move) return;
  chart.groups.forEach((group, i) => {
    const xs = chart.places[i].map((value) => value.toFixed(1));
    for (const mark of group.querySelectorAll('[data-from]')) {
      const from = Number(mark.dataset.from);
      if (mark.tagName === 'circle') {
        mark.setAttribute('cx', xs[from]);
        continue;
      }
      const points = mark.getAttribute('points').split(' ');
      // A band goes there along its upper edge and back along the lower one.
      const there = mark.tagName === 'polygon' ? points.length / 2 : points.length;
      const moved = points.map((point, j) => {
        const value = from + (j < there ? j : 2 * there - 1 - j);
        return `${xs[value]},${point.split(',')[1]}`;
      });
      mark.setAttribute('points', moved.join(' '));
    }
  });
  for (const group of chart.svg.querySelectorAll('[data-axis]')) {
    group.style.display = group.dataset.axis === (chart.axes[axis] ?? chart.axes[0]).key ? '' : 'none';
  }
};

const nearest = (places, x, { y }) => {
  let best = -1;
  for (let i = 0; i < places.length; i++) {
    if (y[i] !== null && (best < 0 || Math.abs(places[i] - x) < Math.abs(places[best] - x))) best = i;
  }
  return best;
};

const row = (group, text) => {
  const line = document.createElement('div');
  const key = document.createElement('span');
  key.className = group.classList.contains('dashed') ? 'key dashed' : 'key';
  key.style.color = group.style.color;
  line.append(key, text);
  return line;
};

for (const chart of charts) {
  const { svg, groups, series, format } = chart;
  const cursor = svg.querySelector('.cursor');
  const box = document.createElement('div');
  box.className = 'values';
  box.hidden = true;
  box.setAttribute('role', 'status');
  svg.parentElement.append(box);
  let shownAt = plot.left;

  const hide = () => {
    box.hidden = true;
    cursor.style.display = 'none';
  };
  const visible = () => series.map((_, i) => i).filter((i) => groups[i].style.display !== 'none');
  const show = (x) => {
    const hits = visible()
      .map((i) => ({ i, at: nearest(chart.places[i], x, series[i]) }))
      .filter(({ at }) => at >= 0)
      .map(({ i, at }) => ({ i, at, place: chart.places[i][at] }));
    if (!hits.length) return hide();
    const closest = hits.reduce((a, b) => (Math.abs(b.place - x) < Math.abs(a.place - x) ? b : a));
    shownAt = closest.place;
    // A series that has ended says nothing far from its end.
    const near = hits.filter(({ place }) => Math.abs(place - shownAt) < (plot.right - plot.left) / 25);
    const which = chart.axes[axis] ?? chart.axes[0];
    const title = document.createElement('strong');
    const listOf = ({ x: xs }) => lists[xs[axis] ?? xs[0]];
    title.textContent = `${number(listOf(series[closest.i])[closest.at], 'number')} ${which.label}`;
    box.replaceChildren(
      title,
      ...near.map(({ i, at }) => {
        const { name, y, low, high, trend } = series[i];
        const range = low && low[at] !== high[at] ? ` (${number(low[at], format)}–${number(high[at], format)})` : '';
        const smooth = trend ? `, smoothed ${number(trend[at], format)}` : '';
        return row(groups[i], `${name}: ${number(y[at], format)}${range}${smooth}`);
      }),
    );
    cursor.style.display = '';
    cursor.setAttribute('x1', shownAt);
    cursor.setAttribute('x2', shownAt);
    box.hidden = false;
    const scale = svg.clientWidth / width;
    const right = svg.clientWidth - box.offsetWidth;
    box.style.left = `${Math.max(0, Math.min(shownAt * scale + 12, right))}px`;
    // Below the picture, where the pointer does not cover it.
    box.style.top = `${svg.parentElement.clientHeight}px`;
  };
  const follow = (event) => {
    const { left } = svg.getBoundingClientRect();
    show(((event.clientX - left) * width) / svg.clientWidth);
  };
  svg.addEventListener('pointermove', follow);
  svg.addEventListener('pointerdown', follow);
  svg.addEventListener('pointerleave', hide);
  svg.addEventListener('blur', hide);
  svg.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === 'Escape') hide();
    if (!step) return;
    event.preventDefault();
    // The next place at which any series that is shown has a value.
    const places = visible()
      .flatMap((i) => chart.places[i].filter((_, at) => series[i].y[at] !== null))
      .filter((at) => step * (at - shownAt) > 0.05);
    if (box.hidden) show(shownAt);
    else if (places.length) show(step > 0 ? Math.min(...places) : Math.max(...places));
  });
  place(chart, false);
}

for (const input of document.querySelectorAll('input[name="axis"]')) {
  const choose = () => {
    if (!input.checked) return;
    axis = Number(input.value);
    for (const chart of charts) place(chart, true);
  };
  input.addEventListener('change', choose);
  // Browsers keep what was chosen when the page is loaded again.
  choose();
}

for (const input of document.querySelectorAll('input[name="run"]')) {
  const toggle = () => {
    for (const part of document.querySelectorAll(`[data-run="${input.value}"]`)) {
      if (part.tagName === 'TR') part.classList.toggle('off', !input.checked);
      else part.style.display = input.checked ? '' : 'none';
    }
  };
  input.addEventListener('change', toggle);
  toggle();
}
