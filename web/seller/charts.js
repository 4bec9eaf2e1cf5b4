import uPlot from '/console/uPlot.js';
import { byId, formatCount, formatTime } from '../dom.js';

/** The live charts show the last seconds; older points are dropped. */
const SHOWN_SECONDS = 60;
const HEIGHT = 180;

/** @param {string} name a custom property of theme.css */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * @typedef {{ label: string, colour: string, fill?: string, paths?: uPlot.Series.PathBuilder }} Line colours are custom properties of theme.css
 * @typedef {{ range: (times: readonly number[]) => [number, number], label: (time: number) => string, step?: number }} TimeAxis
 */

/**
 * @param {HTMLElement} container
 * @param {TimeAxis} time
 * @param {Line[]} lines
 * @param {(chart: uPlot) => void} [draw] called when the chart has been drawn
 */
function openChart(container, time, lines, draw) {
  const axis = () => ({
    stroke: () => colour('--muted'),
    grid: { stroke: () => colour('--divider'), width: 1 },
    ticks: { show: false },
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  });
  const chart = new uPlot(
    {
      width: container.clientWidth || 300,
      height: HEIGHT,
      padding: [10, 20, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      hooks: draw === undefined ? {} : { draw: [draw] },
      scales: {
        x: { time: false, range: ({ data: [times] }) => time.range(/** @type {number[]} */ (times)) },
        y: { range: (_, _min, max) => [0, Math.max(max, 1) * 1.05] },
      },
      axes: [
        {
          ...axis(),
          size: 28,
          ...(time.step && {
            incrs: [1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1_440].map((count) => count * (time.step ?? 1)),
          }),
          values: (_, ticks) => ticks.map(time.label),
        },
        {
          ...axis(),
          size: 46,
          values: (_, ticks) => ticks.map((value) => (Number.isInteger(value) ? shortCount(value) : '')),
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          width: 2,
          stroke: () => colour(line.colour),
          ...(line.fill && { fill: () => colour(/** @type {string} */ (line.fill)) }),
          ...(line.paths && { paths: line.paths }),
          points: { show: false },
        })),
      ],
    },
    [[0], ...lines.map(() => [0])],
    container,
  );
  new ResizeObserver(() => {
    if (container.clientWidth > 0) chart.setSize({ width: container.clientWidth, height: HEIGHT });
  }).observe(container);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.redraw());
  return chart;
}

const compact = new Intl.NumberFormat('en', { notation: 'compact' });
/** @param {number} value */
const shortCount = (value) => compact.format(value);

/** @type {TimeAxis} */
const seconds = {
  range: ([first = 0, ...more]) => [first, Math.max(more.at(-1) ?? 0, first + 10)],
  label: (time) => `${time} s`,
};
const MINUTE_SECONDS = 60;
/** Minutes since 1970, in seconds as uPlot expects times. @type {TimeAxis} */
const minutes = {
  // At least ten minutes wide, so that a sale of one minute is a bar and not a wall.
  range: ([first = 0, ...more]) => {
    const last = more.at(-1) ?? first;
    return [first - MINUTE_SECONDS, Math.max(last + MINUTE_SECONDS, first + 9 * MINUTE_SECONDS)];
  },
  label: (time) => formatTime(time * 1_000).slice(0, 5),
  step: MINUTE_SECONDS,
};

/** The chart of a whole sale: the pieces grabbed in each minute. */
export function openMinutesChart() {
  const container = byId('plot-minutes');
  container.setAttribute('role', 'img');
  const bars = uPlot.paths.bars?.({ size: [0.7, 40], align: 1 });
  /** @type {readonly { at: number, text: string }[]} */
  let marks = [];
  /** A dashed line at each change, where its minute is on the chart. @param {uPlot} chart */
  const drawMarks = ({ ctx, bbox, valToPos }) => {
    ctx.save();
    ctx.strokeStyle = colour('--warning');
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const { at } of marks) {
      const x = valToPos(at / 1_000, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };
  const chart = openChart(
    container,
    minutes,
    [{ label: 'grabs per minute', colour: '--accent', fill: '--accent', ...(bars && { paths: bars }) }],
    drawMarks,
  );
  let shown = '';
  return {
    /** What the seller has changed; the page has the same as a list. @param {readonly { at: number, text: string }[]} changes */
    showMarks(changes) {
      marks = changes;
      chart.redraw();
    },
    /** @param {readonly { minute: number, grabs: number }[]} sales oldest first */
    show(sales) {
      const key = JSON.stringify(sales);
      if (key === shown) return;
      shown = key;
      chart.setData([sales.map(({ minute }) => minute * MINUTE_SECONDS), sales.map(({ grabs }) => grabs)]);
      const texts = sales.map(({ minute, grabs }) => `${minutes.label(minute * MINUTE_SECONDS)} ${formatCount(grabs)}`);
      container.setAttribute(
        'aria-label',
        texts.length === 0 ? 'No grabs yet' : `Grabs per minute: ${texts.join(', ')}`,
      );
    },
  };
}

/** The two live charts of a board: pieces left, and attempts and grabs per second. */
export function openCharts() {
  const [leftContainer, rateContainer] = [byId('plot-left'), byId('plot-rate')];
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const left = openChart(leftContainer, seconds, [
    { label: 'pieces left', colour: '--accent', fill: '--accent-tint', ...(stepped && { paths: stepped }) },
  ]);
  const rate = openChart(rateContainer, seconds, [
    { label: 'attempts per second', colour: '--border' },
    { label: 'grabs per second', colour: '--accent', fill: '--accent-tint' },
  ]);
  for (const container of [leftContainer, rateContainer]) container.setAttribute('role', 'img');
  /** @type {{ at: number, left: number, tries: number, grabs: number }[]} */
  let points = [];
  const draw = () => {
    const times = points.map((point) => point.at);
    left.setData([times, points.map((point) => point.left)]);
    rate.setData([times, points.map((point) => point.tries), points.map((point) => point.grabs)]);
  };
  return {
    clear() {
      points = [];
    },
    /** @param {{ at: number, left: number, tries: number, grabs: number }} point `at` in seconds, `tries` and `grabs` per second */
    add(point) {
      points.push(point);
      const first = points.findIndex(({ at }) => at >= point.at - SHOWN_SECONDS);
      if (first > 0) points = points.slice(first);
      draw();
    },
    /** Sets the text alternatives for screen readers. @param {string} leftText @param {string} rateText */
    describe(leftText, rateText) {
      leftContainer.setAttribute('aria-label', leftText);
      rateContainer.setAttribute('aria-label', rateText);
    },
  };
}
