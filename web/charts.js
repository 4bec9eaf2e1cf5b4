import uPlot from '/console/uPlot.js';

/** What a chart shows at most; older points leave on the left. */
const SHOWN_SECONDS = 60;
const HEIGHT = 180;

/** @param {string} name of a custom property of the theme */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * @param {HTMLElement} place
 * @param {{ label: string, colour: string, fill?: string, stepped?: boolean }[]} lines colours by their names in the theme
 */
function openChart(place, lines) {
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const axis = () => ({
    stroke: () => colour('--soft'),
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
    font: `12px ${getComputedStyle(document.body).fontFamily}`,
  });
  const chart = new uPlot(
    {
      width: place.clientWidth || 300,
      height: HEIGHT,
      padding: [10, 12, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: {
        x: { time: false, range: ({ data: [at] }) => [at[0] ?? 0, Math.max(at.at(-1) ?? 0, (at[0] ?? 0) + 10)] },
        y: { range: (_, _min, max) => [0, Math.max(max, 1) * 1.05] },
      },
      axes: [
        { ...axis(), size: 28, values: (_, at) => at.map((seconds) => `${seconds} s`) },
        {
          ...axis(),
          size: 46,
          values: (_, at) => at.map((value) => (Number.isInteger(value) ? shortCount(value) : '')),
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
    place,
  );
  new ResizeObserver(() => {
    if (place.clientWidth > 0) chart.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(place);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.redraw());
  return chart;
}

const short = new Intl.NumberFormat('en', { notation: 'compact' });
/** @param {number} value */
const shortCount = (value) => short.format(value);

/** The two charts of a board: what is left, and how fast it goes. */
export function openCharts() {
  const places = ['plot-left', 'plot-rate'].map((id) => /** @type {HTMLElement} */ (document.getElementById(id)));
  const [leftPlace, ratePlace] = /** @type {[HTMLElement, HTMLElement]} */ (places);
  const left = openChart(leftPlace, [{ label: 'left', colour: '--accent', fill: '--accent-wash', stepped: true }]);
  const rate = openChart(ratePlace, [
    { label: 'tries a second', colour: '--edge' },
    { label: 'grabs a second', colour: '--accent', fill: '--accent-wash' },
  ]);
  for (const place of places) place.setAttribute('role', 'img');
  /** @type {{ at: number, left: number, tries: number, grabs: number }[]} */
  let points = [];
  const draw = () => {
    const at = points.map((point) => point.at);
    left.setData([at, points.map((point) => point.left)]);
    rate.setData([at, points.map((point) => point.tries), points.map((point) => point.grabs)]);
  };
  return {
    clear() {
      points = [];
    },
    /** @param {{ at: number, left: number, tries: number, grabs: number }} point `at` in seconds, rates a second */
    add(point) {
      points.push(point);
      const first = points.findIndex(({ at }) => at >= point.at - SHOWN_SECONDS);
      if (first > 0) points = points.slice(first);
      draw();
    },
    /** What a picture says, for who doesn't see it. @param {string} ofLeft @param {string} ofRate */
    describe(ofLeft, ofRate) {
      leftPlace.setAttribute('aria-label', ofLeft);
      ratePlace.setAttribute('aria-label', ofRate);
    },
  };
}
