import { whole } from '../figures/figureTable.ts';
import type { GrabReport } from './grabReport.ts';

const BAR = { left: 330, width: 420, height: 18, step: 30, top: 60 };

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** An SVG picture with a bar for each scenario: its requests a second as a share of the bare server's. */
export function grabChart({ results, command, machine }: GrabReport): string {
  const height = BAR.top + results.length * BAR.step + 30;
  const bars = results.map(({ title, median, goals }, place) => {
    const y = BAR.top + place * BAR.step;
    const width = Math.max(1, Math.min(1, median.ratio) * BAR.width);
    const goalX = BAR.left + (goals.ratio ?? 0) * BAR.width;
    const goal =
      goals.ratio === undefined
        ? ''
        : `<line x1="${goalX}" x2="${goalX}" y1="${y - 3}" y2="${y + BAR.height + 3}" stroke="#c33" stroke-width="2"/>`;
    return `<text x="${BAR.left - 8}" y="${y + 14}" text-anchor="end">${escaped(title)}</text>
<rect x="${BAR.left}" y="${y}" width="${BAR.width}" height="${BAR.height}" fill="#eee"/>
<rect x="${BAR.left}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}" fill="#47a"/>${goal}
<text x="${BAR.left + BAR.width + 8}" y="${y + 14}">${median.ratio.toFixed(2)} · ${whole(median.perSecond)}/s</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="920" height="${height}" font-family="sans-serif" font-size="13">
<title>Requests a second of each scenario, as a share of a bare node:http server</title>
<rect width="920" height="${height}" fill="#fff"/>
<text x="16" y="24" font-size="16">Requests a second, as a share of a bare node:http server that sends the same bytes</text>
<text x="16" y="44" fill="#666">${escaped(machine)} · ${escaped(command)} · red: the goal</text>
${bars.join('\n')}
</svg>
`;
}
