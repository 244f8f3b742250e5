/** Requests that are waited for, started, suspended and resumed. */
import { describe, expect, it } from 'vitest';
import { type Request, until } from '../../src/device/events.ts';
import { ImageError } from '../../src/errors.ts';
import { Requests } from '../../src/qemu-io/requests.ts';

class ForEver extends Error {}

function setup() {
  const said: string[] = [];
  const requests = new Requests(() => {
    throw new ForEver();
  });
  const say = (name: string) => (error: ImageError | undefined) => said.push(error ? `${name}: ${error.code}` : name);
  return { said, requests, say };
}

function* stops(tag: string, also: string[] = []): Request {
  yield { event: 'l2_load', tag, also };
}

// biome-ignore lint/correctness/useYield: it ends at once
function* fails(): Request {
  throw new ImageError({ code: 'io-error', what: 'no' });
}

describe('Requests', () => {
  it('says what a started request has to say when the program next waits', () => {
    const { said, requests, say } = setup();
    requests.start(fails(), say('one'));
    expect(said).toEqual([]);
    requests.settle();
    expect(said).toEqual(['one: io-error']);
  });

  it('throws what a request throws that is waited for, and lets others say theirs first', () => {
    const { said, requests, say } = setup();
    requests.start(
      until(() => true),
      say('started'),
    );
    expect(() => requests.run(fails())).toThrow('no');
    expect(said).toEqual(['started']);
  });

  it('goes on when every breakpoint is resumed, the last suspended first', () => {
    const { said, requests, say } = setup();
    requests.start(stops('A', ['B']), say('one'));
    requests.start(stops('A'), say('two'));
    expect(requests.isSuspended('B')).toBe(true);
    expect(requests.resume('A', false, () => said.push('resumed'))).toBe(true);
    requests.settle();
    expect(said).toEqual(['resumed', 'two']);
    expect(requests.resume('A', true, () => said.push('resumed'))).toBe(true);
    expect(requests.resume('A', true, () => {})).toBe(false);
    requests.settle();
    expect(said).toEqual(['resumed', 'two', 'resumed']);
    requests.resume('B', false, () => {});
    requests.drain();
    expect(said.at(-1)).toBe('one');
  });

  it('waits for ever where nothing can go on', () => {
    const { requests, say } = setup();
    expect(() => requests.run(stops('A'))).toThrow(ForEver);
    expect(() => requests.awaitSuspension('Z')).toThrow(ForEver);
    requests.start(stops('A'), say('one'));
    expect(() => requests.drain()).toThrow(ForEver);
  });

  it('lets a request wait for another one', () => {
    const { said, requests, say } = setup();
    let free = false;
    function* holder(): Request {
      yield* stops('A');
      free = true;
    }
    requests.start(holder(), say('holder'));
    requests.start(
      until(() => free),
      say('waiter'),
    );
    expect(() => requests.run(until(() => free))).toThrow(ForEver);
    requests.resume('A', false, () => {});
    requests.drain();
    expect(said).toEqual(['holder', 'waiter']);
  });
});
