/** Keys from a stream: time for Esc, characters cut in two, the terminal given back. */
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chordOf } from '../../../src/repl/prompt/key.ts';
import { Keys } from '../../../src/repl/prompt/keys.ts';

class FakeTerminal extends EventEmitter {
  readonly isTTY = true;
  raw = false;
  flowing = false;
  setRawMode(raw: boolean): void {
    this.raw = raw;
  }
  resume(): void {
    this.flowing = true;
  }
  pause(): void {
    this.flowing = false;
  }
  send(bytes: string | Buffer): void {
    this.emit('data', Buffer.from(bytes as string));
  }
}

describe('keys', () => {
  let terminal: FakeTerminal;
  let heard: string[];
  let keys: Keys;

  beforeEach(() => {
    vi.useFakeTimers();
    terminal = new FakeTerminal();
    heard = [];
    keys = new Keys(terminal, {
      key: (key) => heard.push(key.name === 'text' ? key.text : chordOf(key)),
      paste: (text) => heard.push(`paste ${text}`),
    });
    keys.start();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('Esc alone is heard after 50 ms', () => {
    terminal.send('\x1b');
    vi.advanceTimersByTime(49);
    expect(heard).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(heard).toEqual(['escape']);
  });

  it('Esc and what follows soon is one key', () => {
    terminal.send('\x1b');
    vi.advanceTimersByTime(40);
    terminal.send('[1;5');
    vi.advanceTimersByTime(400);
    terminal.send('C');
    expect(heard).toEqual(['C-right']);
    vi.advanceTimersByTime(5000);
    expect(heard).toEqual(['C-right']);
  });

  it('a character cut in two is one', () => {
    const bytes = Buffer.from('漢🙂');
    for (const byte of bytes) terminal.send(Buffer.from([byte]));
    expect(heard.join('')).toBe('漢🙂');
  });

  it('a paste whose end is lost ends', () => {
    terminal.send('\x1b[200~map');
    vi.advanceTimersByTime(3000);
    expect(heard).toEqual(['paste map']);
  });

  it('stop gives the terminal back, and start takes it anew', () => {
    expect(terminal).toMatchObject({ raw: true, flowing: true });
    terminal.send('\x1b[');
    keys.stop();
    keys.stop();
    expect(terminal).toMatchObject({ raw: false, flowing: false });
    expect(terminal.listenerCount('data')).toBe(0);
    terminal.send('x');
    vi.advanceTimersByTime(5000);
    expect(heard).toEqual([]);
    keys.start();
    keys.start();
    expect(terminal.listenerCount('data')).toBe(1);
    terminal.send('A');
    expect(heard).toEqual(['A']);
  });

  it('a listener may stop it in the middle', () => {
    const stopping = new Keys(terminal, { key: () => stopping.stop(), paste: () => {} });
    keys.stop();
    stopping.start();
    terminal.send('x\x1b');
    expect(vi.getTimerCount()).toBe(0);
  });
});
