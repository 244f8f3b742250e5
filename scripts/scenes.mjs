/**
 * What the pictures show: `lines` for a shell in a folder with copies of the sample images, or a session on the screen
 * that `play` brings to the moment worth a picture.
 */

/** @typedef {import('../test/support/terminal.ts').Terminal} Terminal */

export const SCENES = [
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
