/** break, remove_break, wait_break, resume: requests that stop at an instant, where a blkdebug layer lies below. */
import { isEvent } from './blkdebug-rules.ts';
import type { Command } from './command.ts';
import { ENOENT, ENOTSUP, strerror } from './errno.ts';
import type { Shell } from './shell.ts';

const resumed =
  ({ voice }: Shell, tag: string) =>
  (): void =>
    voice.say(`blkdebug: Resuming request '${tag}'\n`);

export const breakAt: Command = {
  name: 'break',
  least: 2,
  most: 2,
  run({ voice, volume }, [event = '', tag = '']) {
    const layer = volume.opened.blkdebug;
    if (layer && isEvent(event)) {
      layer.breakAt(event, tag);
      return true;
    }
    voice.say(`Could not set breakpoint: ${strerror(layer ? ENOENT : ENOTSUP)}\n`);
    return false;
  },
};

export const removeBreak: Command = {
  name: 'remove_break',
  least: 1,
  most: 1,
  run(shell, [tag = '']) {
    const { voice, volume, requests } = shell;
    const layer = volume.opened.blkdebug;
    const removed = layer?.removeBreaks(tag);
    if (layer) requests.resume(tag, true, resumed(shell, tag));
    // A request that was only resumed does not count.
    if (removed) return true;
    voice.say(`Could not remove breakpoint ${tag}: ${strerror(layer ? ENOENT : ENOTSUP)}\n`);
    return false;
  },
};

export const waitBreak: Command = {
  name: 'wait_break',
  least: 1,
  most: 1,
  run({ requests }, [tag = '']) {
    requests.awaitSuspension(tag);
    return true;
  },
};

export const resume: Command = {
  name: 'resume',
  least: 1,
  most: 1,
  run(shell, [tag = '']) {
    const { voice, volume, requests } = shell;
    const layer = volume.opened.blkdebug;
    if (layer && requests.resume(tag, false, resumed(shell, tag))) return true;
    voice.say(`Could not resume request: ${strerror(layer ? ENOENT : ENOTSUP)}\n`);
    return false;
  },
};

export const aioFlush: Command = {
  name: 'aio_flush',
  least: 0,
  most: 0,
  run({ requests }) {
    requests.drain();
    return true;
  },
};
