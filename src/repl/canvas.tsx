/** A rectangle of the layout that is painted past React: ink places it, the screen asks `draw` for its rows. */
import { Box, type DOMElement } from 'ink';
import { type ComponentProps, createContext, type ReactNode, useContext, useLayoutEffect, useRef } from 'react';
import type { Draw, Rectangle, Screen } from './screen.ts';

export const ScreenContext = createContext<Screen | undefined>(undefined);

type Props = Omit<ComponentProps<typeof Box>, 'ref' | 'children'> & { readonly draw: Draw };

export function Canvas({ draw, ...box }: Props): ReactNode {
  const screen = useContext(ScreenContext);
  const element = useRef<DOMElement>(null);
  useLayoutEffect(() => screen?.addCanvas({ draw, place: () => placeOf(element.current) }), [screen, draw]);
  return <Box ref={element} {...box} />;
}

/** Where the layout put an element on the screen. Undefined once it is gone. */
function placeOf(element: DOMElement | null): Rectangle | undefined {
  if (!element?.yogaNode) return undefined;
  let x = 0;
  let y = 0;
  for (let at: DOMElement | undefined = element; at?.yogaNode; at = at.parentNode) {
    x += at.yogaNode.getComputedLeft();
    y += at.yogaNode.getComputedTop();
  }
  return { x, y, width: element.yogaNode.getComputedWidth(), height: element.yogaNode.getComputedHeight() };
}
