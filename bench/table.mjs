/** The benchmark's figures as a table for people: bench/results.md. */

const seconds = (n) => (n === undefined ? '–' : n < 1 ? `${Math.round(n * 1000)} ms` : `${n.toFixed(2)} s`);
const times = (n) => (n === undefined ? '–' : `${n >= 10 ? Math.round(n) : n.toFixed(2)}x`);
const mib = (n) => (n === undefined ? '–' : `${n >= 10 ? Math.round(n) : n.toFixed(1)} MiB`);

export function table(machine, results) {
  const lines = [
    '# Benchmark results',
    '',
    `${machine.date}, ${machine.cpu} (load ${machine.load}), Node ${machine.node}, ${machine.qemu}. Made by \`npm run bench -- --write\`.`,
    'CPU is user + system, medians of alternating runs. "vs qemu": how many times less CPU than qemu-img (above 1 is',
    'faster). "/ floor": how many times the CPU of a C program without any checks (bench/floor.c).',
    '',
    '| operation | image | CPU | wall | qemu CPU | vs qemu | goal | / floor | goal | peak memory |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const r of results.filter((r) => /^(map|check)/.test(r.operation))) lines.push(scanRow(r));
  lines.push(
    '',
    '| start-up | CPU | wall | / `node empty.cjs` | goal | qemu CPU | peak memory |',
    '|---|---|---|---|---|---|---|',
  );
  for (const r of results.filter((r) => r.operation.startsWith('start'))) lines.push(startRow(r));
  lines.push(
    '',
    'In place: with a full check of the source before and all syncs ("without check": less the same check alone); "written" is what reached the file, "grown" how much',
    'longer it became (the new metadata). qemu-img converts by copying; where it is shown, half of the disk is real data.',
    '',
    '| conversion | image | CPU | goal | without check | goal | wall | written | grown | qemu CPU | qemu wall | qemu written | peak memory | qemu-img check |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|',
  );
  for (const r of results.filter((r) => r.operation.startsWith('convert'))) lines.push(convertRow(r));
  return `${lines.join('\n')}\n`;
}

function goalText(wanted, ratio, atLeast) {
  if (wanted === undefined || ratio === undefined) return '';
  const met = atLeast ? ratio >= wanted : ratio <= wanted;
  return `${atLeast ? '≥' : '≤'} ${wanted}${met ? '' : ' **missed**'}`;
}

/** Peak memory, with its goal where the disk is 1 TiB. */
function memory({ platter }, goals) {
  const goal = goals.rss === undefined ? '' : ` (≤ ${goals.rss}${platter.rssMiB <= goals.rss ? '' : ' **missed**'})`;
  return `${mib(platter.rssMiB)}${goal}`;
}

function scanRow({ operation, workload, format, says, figures, goals }) {
  const { platter, qemu, floor } = figures;
  const [vs, over] = [qemu && qemu.cpu / platter.cpu, floor && platter.cpu / floor.cpu];
  return `| ${operation} | ${workload}.${format}: ${says} | ${seconds(platter.cpu)} | ${seconds(platter.wall)} | ${seconds(qemu?.cpu)} | ${times(vs)} | ${goalText(goals.qemu, vs, true)} | ${times(over)} | ${goalText(goals.floor, over, false)} | ${memory(figures, goals)} |`;
}

function startRow({ operation, workload, format, figures, goals }) {
  const { platter, node, qemu } = figures;
  const over = platter.cpu / node.cpu;
  return `| ${operation} ${workload}.${format} | ${seconds(platter.cpu)} | ${seconds(platter.wall)} | ${times(over)} | ${goalText(goals.node, over, false)} | ${seconds(qemu.cpu)} | ${mib(platter.rssMiB)} |`;
}

function convertRow({ operation, workload, format, says, figures, goals, grownMiB, check }) {
  const { platter, check: checked, qemu } = figures;
  const core = platter.cpu - checked.cpu;
  const coreGoal = goals.core === undefined ? '' : `≤ ${goals.core} s${core <= goals.core ? '' : ' **missed**'}`;
  const over = goals.written === undefined || platter.writtenMiB <= goals.written * grownMiB ? '' : ' **missed**';
  const cpuGoal = goals.cpu === undefined ? '' : `≤ ${goals.cpu} s${platter.cpu <= goals.cpu ? '' : ' **missed**'}`;
  return `| ${operation} | ${workload}.${format}: ${says} | ${seconds(platter.cpu)} | ${cpuGoal} | ${seconds(core)} | ${coreGoal} | ${seconds(platter.wall)} | ${mib(platter.writtenMiB)}${over} | ${mib(grownMiB)} | ${seconds(qemu?.cpu)} | ${seconds(qemu?.wall)} | ${mib(qemu?.writtenMiB)} | ${memory(figures, goals)} | ${{ 0: 'clean', 3: 'leaks' }[check] ?? 'CORRUPT'} |`;
}
