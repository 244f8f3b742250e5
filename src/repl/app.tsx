/**
 * The screen as components: boxes for ink to place, canvases inside them. It renders only when the layout changes;
 * what changes with every key is painted by the canvases.
 */
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { Canvas, ScreenContext } from './canvas.tsx';
import type { Layout, PanelName } from './layout.ts';
import type { Draw, Screen } from './screen.ts';

/** What paints each place of the screen. The same functions for the whole run, so that no canvas is made anew. */
export interface Draws {
  readonly panels: Readonly<Record<PanelName, Draw>>;
  readonly status: Draw;
  readonly prompt: Draw;
  readonly menu: Draw;
  readonly hints: Draw;
  readonly help: Draw;
}

interface Props {
  readonly layout: Layout;
  readonly draws: Draws;
}

export function App({ layout, draws, screen }: Props & { readonly screen: Screen }): ReactNode {
  const { columns, rows, titleRows, bodyRows, promptRows, menuRows, hintRows } = layout;
  return (
    <ScreenContext.Provider value={screen}>
      <Box width={columns} height={rows} flexDirection="column">
        {titleRows > 0 && <Canvas draw={draws.status} height={titleRows} flexShrink={0} />}
        {bodyRows > 0 && <Body layout={layout} draws={draws} />}
        <Canvas draw={draws.prompt} height={promptRows} flexShrink={0} />
        {menuRows > 0 && <Canvas draw={draws.menu} height={menuRows} flexShrink={0} />}
        {hintRows > 0 && <Canvas draw={draws.hints} height={hintRows} flexShrink={0} />}
      </Box>
    </ScreenContext.Provider>
  );
}

function Body({ layout, draws }: Props): ReactNode {
  const { shape, shown, zoomed, help } = layout;
  if (help) return <Fill draw={draws.help} />;
  if (shape === 'tiny' || zoomed) return <Fill draw={draws.panels[shown]} />;
  if (shape === 'small') return <One layout={layout} draws={draws} />;
  return shape === 'medium' ? <TwoColumns draws={draws} /> : <ThreeColumns draws={draws} />;
}

/** All the room there is. */
function Fill({ draw, share = 1 }: { readonly draw: Draw; readonly share?: number }): ReactNode {
  return <Canvas draw={draw} flexGrow={share} flexBasis={0} />;
}

function One({ layout, draws: { panels } }: Props): ReactNode {
  const { shown, transcriptRows } = layout;
  if (shown === 'transcript' || transcriptRows === 0) return <Fill draw={panels[shown]} />;
  return (
    <Box flexDirection="column" flexGrow={1} flexBasis={0}>
      <Fill draw={panels[shown]} />
      <Canvas draw={panels.transcript} height={transcriptRows} flexShrink={0} />
    </Box>
  );
}

function TwoColumns({ draws: { panels } }: { readonly draws: Draws }): ReactNode {
  return (
    <Box flexDirection="column" flexGrow={1} flexBasis={0}>
      <Box flexGrow={1} flexBasis={0}>
        <Fill draw={panels.extents} share={9} />
        <Fill draw={panels.clusters} share={11} />
      </Box>
      <Box flexGrow={1} flexBasis={0}>
        <Fill draw={panels.transcript} share={9} />
        <Box flexDirection="column" flexGrow={11} flexBasis={0}>
          <Fill draw={panels.inspector} share={5} />
          <Fill draw={panels.steps} share={3} />
        </Box>
      </Box>
    </Box>
  );
}

/** The inspector's column is wide enough for sixteen bytes a line. */
function ThreeColumns({ draws: { panels } }: { readonly draws: Draws }): ReactNode {
  return (
    <Box flexGrow={1} flexBasis={0}>
      <Box flexDirection="column" flexGrow={7} flexBasis={0}>
        <Fill draw={panels.extents} share={5} />
        <Fill draw={panels.transcript} share={4} />
      </Box>
      <Box flexDirection="column" flexGrow={8} flexBasis={0}>
        <Fill draw={panels.clusters} share={5} />
        <Fill draw={panels.steps} share={3} />
      </Box>
      <Fill draw={panels.inspector} share={10} />
    </Box>
  );
}
