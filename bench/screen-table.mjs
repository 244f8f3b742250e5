/** The screen's figures as a table for people: bench/screen.md. */

const ms = (n) => `${n >= 100 ? Math.round(n) : n.toFixed(n >= 10 ? 1 : 2)} ms`;
const mib = (n) => `${Math.round(n)} MiB`;

function goal(text, met) {
  return `${text}${met ? '' : ' **missed**'}`;
}

export function screenTable(machine, { firstSmall, firstLarge, small, large, tmux, manyKeys, idleMs }) {
  const first = ({ node, screen }) => `${ms(screen)} = ${(screen / node).toFixed(1)} x \`node -e 0\` (${ms(node)})`;
  const keys = ({ cpu, median, p95, bytes }) =>
    `${ms(cpu)} CPU; on the screen after ${ms(median)}, 95 % within ${ms(p95)}; ${Math.round(bytes)} bytes a frame`;
  const { torn } = large;
  const grown = small.rss.at(-1) - small.rss.at(1);
  const rows = [
    ['first frame at 120x40, small image', first(firstSmall), goal('≤ 5 x', firstSmall.screen / firstSmall.node <= 5)],
    [
      'first frame at 120x40, 1 TiB in 16.8 M rows',
      first(firstLarge),
      goal('≤ 5 x', firstLarge.screen / firstLarge.node <= 5),
    ],
    ['a typed character, 200x50', keys(small.typed), goal('≤ 2 ms CPU', small.typed.cpu <= 2)],
    ['an arrow in the table, 200x50', keys(small.arrows), goal('≤ 2 ms CPU', small.arrows.cpu <= 2)],
    ['F10, which lays everything out anew, 200x50', keys(small.zoom), goal('≤ 15 ms CPU', small.zoom.cpu <= 15)],
    [`nothing, for ${idleMs / 1000} s`, `${ms(small.idle)} CPU`, goal('0', small.idle < 5)],
    [
      `memory: at the start, after the keys above, then after thirds of ${manyKeys} keys`,
      small.rss.map(mib).join(', '),
      goal('flat', grown < 10),
    ],
    [
      '1 TiB: the table is whole after',
      `${ms(large.walked)}, and the map with all that follows before ${ms(large.settled)}; the first frame came after ${ms(large.first)}`,
      goal('first frame before that', !large.before),
    ],
    ...(large.meanwhile
      ? [['1 TiB: a typed character meanwhile', keys(large.meanwhile), goal('≤ 33 ms', large.meanwhile.p95 <= 33)]]
      : []),
    ['1 TiB: PgDn', keys(large.pages), goal('≤ 16 ms', large.pages.median <= 16)],
    ['1 TiB: End and Home', keys(large.jumps), goal('≤ 16 ms', large.jumps.median <= 16)],
    ['1 TiB: memory', mib(large.rss), ''],
    [
      'frames with anything missing, looked at after every piece of output',
      `${torn.faults} of ${torn.samples}; at the ends of frames ${torn.faultsAtEnds} of ${torn.ends}`,
      goal('0', torn.faults + torn.faultsAtEnds === 0),
    ],
    [
      'the same in tmux, PgDn at 25 a second',
      tmux.skipped ?? `${tmux.faults} of ${tmux.samples}; ${tmux.kept} of ${tmux.lines} lines of scrollback kept`,
      tmux.skipped ? 'skipped' : goal('0, all', tmux.faults === 0 && tmux.kept === tmux.lines),
    ],
  ];
  return [
    '# What the screen costs',
    '',
    `${machine.date}, ${machine.cpu} (load ${machine.load}), Node ${machine.node}, commit ${machine.commit}. Made by \`npm run bench:screen -- --write\`.`,
    'Medians, in a real pseudo-terminal. CPU is that of all threads, a key. Keys come about 30 ms apart.',
    '',
    '| what | figure | goal |',
    '|---|---|---|',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
  ].join('\n');
}
