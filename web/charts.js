import uPlot from '/console/uPlot.js';

/** A chart shows the last seconds; older points are dropped. */
const SHOWN_SECONDS = 60;
const HEIGHT = 180;

/** @param {string} name a custom property of theme.css */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * @param {HTMLElement} container
 * @param {{ label: string, colour: string, fill?: string, stepped?: boolean }[]} lines colours are custom properties of theme.css
 */
function openChart(container, lines) {
  const stepped = uPlot.paths.stepped?.({ align: 1 });
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
      padding: [10, 12, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: {
          time: false,
          range: ({ data: [times] }) => [times[0] ?? 0, Math.max(times.at(-1) ?? 0, (times[0] ?? 0) + 10)],
        },
        y: { range: (_, _min, max) => [0, Math.max(max, 1) * 1.05] },
      },
      axes: [
        { ...axis(), size: 28, values: (_, ticks) => ticks.map((seconds) => `${seconds} s`) },
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
          ...(line.stepped && stepped && { paths: stepped }),
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

/** The two charts of a board: pieces left, and attempts and grabs per second. */
export function openCharts() {
  const containers = ['plot-left', 'plot-rate'].map((id) => /** @type {HTMLElement} */ (document.getElementById(id)));
  const [leftContainer, rateContainer] = /** @type {[HTMLElement, HTMLElement]} */ (containers);
  const left = openChart(leftContainer, [
    { label: 'pieces left', colour: '--accent', fill: '--accent-tint', stepped: true },
  ]);
  const rate = openChart(rateContainer, [
    { label: 'attempts per second', colour: '--border' },
    { label: 'grabs per second', colour: '--accent', fill: '--accent-tint' },
  ]);
  for (const container of containers) container.setAttribute('role', 'img');
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
