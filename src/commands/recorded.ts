/**
 * What a run shows, shown and recorded: while a transcript is open, what goes to the front's sinks and to its pager
 * goes there too. What a program behind a pipe gets is its own.
 */
import type { Outlet } from './outlet.ts';
import type { Sink } from './sink.ts';

/** Who records just now, if anybody does. */
export type Recorder = () => ((text: string) => void) | undefined;

export function recordedSink(sink: Sink, recorder: Recorder): Sink {
  const decoder = new TextDecoder();
  return {
    text(text) {
      sink.text(text);
      recorder()?.(text);
    },
    bytes(bytes) {
      sink.bytes(bytes);
      recorder()?.(decoder.decode(bytes, { stream: true }));
    },
  };
}

export function recordedOutlet(outlet: Outlet, recorder: Recorder): Outlet {
  return {
    ...recordedSink(outlet, recorder),
    room: () => outlet.room(),
    end: () => outlet.end(),
    get gone() {
      return outlet.gone;
    },
    get coloured() {
      return outlet.coloured;
    },
    get drawing() {
      return outlet.drawing;
    },
  };
}
