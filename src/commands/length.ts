/** `length`: the guest disk's size, in qemu-io's words. */
import { sizeText } from '../bytes/size.ts';
import { imageCommand } from './command.ts';
import { message } from './view.ts';

export const length = imageCommand({
  name: 'length',
  aliases: ['l'],
  group: 'inspect',
  place: 'image',
  summary: "Print the size of the guest's disk",
  params: {},
  flags: {},
  examples: [{ line: 'length', image: 'start.qcow2' }],
  run({ image }) {
    return message(sizeText(image.size), { length: image.size });
  },
});
