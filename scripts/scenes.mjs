/**
 * What the pictures show: `lines` for a shell in a folder with copies of the sample images, or a session on the screen
 * that `play` brings to the moment worth a picture.
 */

/** @typedef {import('../test/support/terminal.ts').Terminal} Terminal */

const MEDIUM = { columns: 120, rows: 40 };
const SMALL = { columns: 80, rows: 24 };

/** @param {Terminal} terminal */
const started = (terminal) => terminal.until((screen) => screen.some((row) => row.includes('1/24')));

/**
 * @param {Terminal} terminal
 * @param {readonly (readonly [line: string, answer: string | RegExp])[]} lines
 */
async function typed(terminal, lines) {
  for (const [line, answer] of lines) {
    terminal.enter(line);
    await terminal.until(answer);
  }
}

export const SCENES = [
  {
    name: 'screen',
    title: 'the screen of platter: a conversion from qcow2 to QED, half of the guest mapped',
    args: ['start.qcow2'],
    options: MEDIUM,
    async play(terminal) {
      await started(terminal);
      await typed(terminal, [
        ['open-target qed', 'target qed:'],
        ['setmap 0 0x5000 16k', 'is at host 0x5000'],
        ['setmap 0x6000 0xb000 24k', 'is at host 0xb000'],
        ['setmap 0x200000 0x12000 24k', 'is at host 0x12000'],
      ]);
      await terminal.until(/> 4 +setmap/);
      terminal.type('copy-h');
      await terminal.until(/copy-header/);
    },
  },
  {
    name: 'inspect',
    title: 'from a guest byte to its L2 entry: the table, the map and the bytes with their fields, at 80 columns',
    args: ['start.qcow2'],
    options: SMALL,
    async play(terminal) {
      await started(terminal);
      terminal.press('f2', 'down', 'down', 'enter', 'f5');
      await terminal.until(/l1\[0\] =|l1\[0\]/);
    },
  },
  {
    name: 'help',
    title: 'the keys of the cluster map, over the screen',
    args: ['start.qcow2'],
    options: MEDIUM,
    async play(terminal) {
      await started(terminal);
      terminal.press('f3');
      await terminal.until('┏ 2 Clusters');
      terminal.press('f1');
      await terminal.until('Esc closes');
    },
  },
  {
    name: 'tour',
    title: 'the tour: a lesson of a minute on a scratch image',
    args: [],
    options: MEDIUM,
    async play(terminal) {
      await terminal.until(/^platter>/m);
      terminal.enter('tour');
      await terminal.until('1 Extents');
      await terminal.until(/1\/\d/);
      await terminal.until((screen) => screen.some((row) => /^platter> \S/.test(row)));
    },
  },
  { name: 'map', lines: ['platter map start.qcow2', 'platter check start.qcow2'] },
  {
    name: 'convert',
    lines: [
      'platter convert-inplace start.qcow2 qed --rollback start.rollback --yes',
      'qemu-img compare start.qcow2 original.qcow2',
      'platter rollback start.qcow2 start.rollback',
    ],
  },
  {
    name: 'steps',
    lines: [
      "platter start.qcow2 -c 'open-target qed' -c 'setmap --all' -c plan -c copy-header -c steps -c undo -c info -c discard",
    ],
  },
];
