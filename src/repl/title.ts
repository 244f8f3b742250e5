/** The status line: what is open, what it is becoming, what is not on disk yet, and what the last check said. */

import { stoppedAt, stoppedWords } from '../session/breakpoints.ts';
import type { LastCheck } from '../session/draft.ts';
import { conversionWords } from '../session/running-conversion.ts';
import type { Desk } from './desk.ts';
import { row } from './paint/row.ts';
import { paintStatus } from './paint/status.ts';
import type { CheckState } from './paint/views.ts';

export function paintTitle({ session, picture, theme, host }: Desk, width: number): readonly string[] {
  const lesson = host.lesson ? `${host.lesson.name} ${host.lesson.at}/${host.lesson.of}` : undefined;
  if (!session) {
    const says = ` platter  no image is open${lesson ? `  ${lesson}` : ''}`;
    return [row(width, [[says.padEnd(width), theme.ui.bar]], theme.glyphs.cut)];
  }
  const { image, file, target, steps, lastCheck } = session;
  const { clusters } = picture;
  // After copy-header the image is the target already; the source is what lies on the disk.
  const becoming = target?.format ?? (clusters?.target ? clusters.target.format : undefined);
  const stopped = stoppedAt(session);
  const converting = conversionWords(session);
  return paintStatus(
    {
      file: file.name.slice(file.name.lastIndexOf('/') + 1),
      format: target ? image.format : (clusters?.source.format ?? image.format),
      virtualSize: image.size,
      fileSize: clusters?.size ?? file.size,
      clusterSize: image.clusterSize,
      ...(image.refused && { refused: true }),
      staged: steps.filter((step) => step.applied).length,
      ...(becoming === undefined ? {} : { target: becoming }),
      ...(converting === undefined ? {} : { converting }),
      ...(stopped === undefined ? {} : { stopped: stoppedWords(stopped) }),
      ...(lastCheck === undefined ? {} : { check: checkState(lastCheck) }),
      ...(lesson === undefined ? {} : { lesson }),
    },
    width,
    1,
    theme,
  );
}

function checkState({ words, isClean, step, isStale }: LastCheck): CheckState {
  return {
    text: words,
    verdict: isClean ? 'good' : 'bad',
    ...(isStale ? { stale: `at step ${step}` } : {}),
  };
}
