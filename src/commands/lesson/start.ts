/** Which lessons there are, and how one begins. */
import type { Progress } from '../../bytes/progress.ts';
import { ImageError } from '../../errors.ts';
import { lessonNamed, lessonNames, nameOfText, textFile } from '../../host/package-files.ts';
import type { Debugger } from '../../session/debugger.ts';
import { nearest } from '../nearest.ts';
import type { View } from '../view.ts';
import type { Catalog } from './allowed.ts';
import { Course } from './course.ts';
import { readScript } from './read-script.ts';
import type { Script } from './script.ts';
import { spokenView } from './talk.ts';

/** The tour comes first, then by name. */
const FIRST = 'tour';

/** The lesson of that name, or in that file. Throws ImageError `no-such-lesson`, or what reading it throws. */
export function scriptOf(name: string, catalog: Catalog): Script {
  const known = lessonNamed(name);
  if (known) return readScript({ name, ...known }, catalog);
  if (/[/.]/.test(name)) return readScript({ name: nameOfText(name), ...textFile(name) }, catalog);
  throw new ImageError({
    code: 'no-such-lesson',
    what: `there is no lesson '${name}'`,
    tryThis: nearest(name, lessonNames()) ?? 'lesson, which lists them; or a file: ./NAME.txt',
  });
}

export function* startLesson(host: Debugger, name: string, catalog: Catalog): Generator<Progress, View> {
  const script = scriptOf(name, catalog);
  const course = yield* Course.start(host, script, catalog);
  const spoken = course.taskSpoken();
  const help = 'lesson hint and lesson show help; lesson leave ends it. You practise on a copy.';
  return spokenView({
    ...spoken,
    before: `${script.title}. ${script.about}`,
    text: `${spoken.text}\n\n${help}`,
  });
}

export function lessonList({ lesson, lessonsDone }: Debugger, catalog: Catalog): View {
  const names = lessonNames().sort((a, b) => Number(b === FIRST) - Number(a === FIRST));
  const rows = names.map((name) => {
    const { title, minutes } = scriptOf(name, catalog);
    const running = lesson?.name === name ? `at ${lesson.at}/${lesson.of}` : undefined;
    return [name, minutes, running ?? (lessonsDone.has(name) ? 'done' : ''), title];
  });
  return {
    kind: 'parts',
    parts: [
      {
        key: 'lessons',
        view: {
          kind: 'table',
          columns: [
            { key: 'name', label: 'Lesson' },
            { key: 'minutes', label: 'Min', align: 'right' },
            { key: 'state', label: 'State' },
            { key: 'title', label: 'Title' },
          ],
          rows,
          empty: 'there are no lessons',
        },
      },
      { key: 'next', view: { kind: 'message', text: 'lesson NAME starts one, on a copy of a sample image.' } },
    ],
  };
}
