/** What a lesson says: prose, which whoever shows it breaks into lines; lines that begin with a blank stay as they are. */
import type { Spoken } from '../../session/lesson.ts';
import { message, type View } from '../view.ts';
import type { Script, Task } from './script.ts';

/** The task at hand: what it is about, and what to type where the lesson gives it. */
export function taskSpoken({ name, title, tasks }: Script, index: number): Spoken {
  const { title: task, prose, question, guided, solution } = tasks[index] as Task;
  const lines = guided ? solution.map(({ text }) => text) : [];
  if (question) lines.push('answer VALUE');
  const typed = lines.map((line, i) => `${i === 0 ? '  Type:  ' : '         '}${line}`).join('\n');
  const [at, of] = [index + 1, tasks.length];
  const parts = [...prose, ...(question ? [question.text] : []), typed];
  return {
    title: `${name} ${at}/${of}: ${task}`,
    text: parts.filter((part) => part !== '').join('\n\n'),
    data: { lesson: name, title, at, of, task, prose, question: question?.text, type: guided ? lines : undefined },
  };
}

/** How a value that was computed is best typed: offsets in hexadecimal. */
export function typedValue(value: unknown): string {
  if (typeof value === 'number' && value >= 512 && value % 512 === 0) return `0x${value.toString(16)}`;
  return String(value ?? 'none');
}

export function spokenView({ before, title, text, data }: Spoken): View {
  const view: View = { ...message(text, data), prose: true };
  if (title === undefined && before === undefined) return view;
  return {
    kind: 'parts',
    parts: [
      ...(before === undefined ? [] : [{ key: 'before', view: { ...message(before), prose: true } }]),
      { key: 'lesson', title, view },
    ],
  };
}
