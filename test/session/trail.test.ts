/** The trail is a browser's history: held to a list and an index. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Trail } from '../../src/session/trail.ts';

const deed = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('go' as const), host: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('back' as const, 'forward' as const) }) },
);

it('goes back and forward as a browser does', () => {
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
      const trail = new Trail();
      let visited: number[] = [];
      let at = -1;
      for (const one of deeds) {
        if (one.kind === 'go') {
          trail.go({ host: one.host });
          if (visited[at] !== one.host) {
            visited = [...visited.slice(0, at + 1), one.host];
            at++;
          }
        } else {
          const next = one.kind === 'back' ? at - 1 : at + 1;
          const can = next >= 0 && next < visited.length;
          const stop = one.kind === 'back' ? trail.back() : trail.forward();
          expect(stop?.place.host).toBe(can ? visited[next] : undefined);
          if (can) at = next;
        }
        expect(trail.here?.place.host).toBe(visited[at]);
        expect(trail.behind).toBe(Math.max(0, at));
        expect(trail.ahead).toBe(Math.max(0, visited.length - 1 - at));
      }
    }),
  );
});

it('keeps so many places as a person could mean', () => {
  const trail = new Trail();
  for (let i = 0; i < 1000; i++) trail.go({ host: i });
  let back = 0;
  while (trail.back()) back++;
  expect(back).toBe(200);
  expect(trail.here?.place.host).toBe(799);
});
