/** `lesson`, `answer`: guided lessons on a practice copy. The lessons themselves are in the folder lessons. */
import { ImageError } from '../errors.ts';
import { lessonNames } from '../host/package-files.ts';
import type { Debugger } from '../session/debugger.ts';
import type { RunningLesson } from '../session/lesson.ts';
import { type Command, debuggerCommand, type Work } from './command.ts';
import { lessonList, startLesson } from './lesson/start.ts';
import { spokenView } from './lesson/talk.ts';
import { optional, text } from './params.ts';
import { NOTHING } from './view.ts';

const WORDS = ['hint', 'show', 'again', 'leave'] as const;

export function lessonCommand(catalog: () => readonly Command[]): Command {
  return debuggerCommand({
    name: 'lesson',
    group: 'help',
    place: 'prompt',
    summary: 'List the lessons, or start one',
    details:
      'A lesson is a few tasks on a copy of a sample image, which is removed at the end: your own files are not ' +
      'touched, and the image that was open is open again afterwards. What counts is the state you reach, however you ' +
      'type it. While one runs: `lesson hint` helps, `lesson show` gives the solution, `lesson again` begins the task ' +
      'anew, `lesson leave` ends it. A file with a slash or a dot in its name is a lesson of your own.',
    params: {
      what: optional(
        {
          ...text('LESSON', 'its name or file, or what to do about the one that runs', () => [
            ...WORDS,
            ...lessonNames(),
          ]),
          completes: 'file' as const,
        },
        undefined,
      ),
    },
    flags: {},
    examples: [{ line: 'lesson' }, { line: 'lesson tour' }, { line: 'lesson tour; lesson hint; lesson leave' }],
    *run(host, { what }) {
      switch (what) {
        case undefined:
          return lessonList(host, catalog);
        case 'hint':
          return spokenView(yield* running(host).hint());
        case 'show':
          return spokenView(yield* running(host).solution());
        case 'again':
          return spokenView(yield* running(host).again());
        case 'leave':
          return spokenView(running(host).leave());
        default:
          return yield* startLesson(host, what, catalog);
      }
    },
  });
}

export function tourCommand(catalog: () => readonly Command[]): Command {
  return debuggerCommand({
    name: 'tour',
    group: 'help',
    place: 'prompt',
    summary: 'Show in a minute what Platter does; you type what is shown',
    params: {},
    flags: {},
    examples: [{ line: 'tour' }],
    run: (host): Work => startLesson(host, 'tour', catalog),
  });
}

export const answer = debuggerCommand({
  name: 'answer',
  group: 'help',
  place: 'prompt',
  summary: "Answer a lesson's question",
  params: { value: text('VALUE', 'the answer: a number in any notation, or a word') },
  flags: {},
  examples: [{ line: 'lesson l2-walk; answer 0x1000' }],
  run(host, { value }) {
    running(host).answer(value);
    return NOTHING;
  },
});

/** Throws ImageError `no-lesson`. */
function running({ lesson }: Debugger): RunningLesson {
  if (lesson) return lesson;
  throw new ImageError({ code: 'no-lesson', what: 'no lesson is running', tryThis: 'lesson, which lists them' });
}
