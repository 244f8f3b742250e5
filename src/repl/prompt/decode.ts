/**
 * From what a terminal sends to keys and pastes. Not built on readline's emitKeypressEvents: that answers one event a
 * character, and takes reports of mouse, focus and terminal for typed characters, so that a decoder before it would
 * have to know all sequences anyway.
 *
 * Invariants:
 *  1. However the input is cut into pieces, the keys are the same, as long as no pause falls into a sequence.
 *  2. A report, or a sequence nobody knows, makes no key and no text.
 *  3. The text of a key has no control characters; what is pasted is as it came, with line ends as \n.
 */
import { type Key, textKey } from './key.ts';
import { controlKey, csiKey, linuxKey, metaKey, ss3Key } from './sequences.ts';

export type Heard = { readonly kind: 'key'; readonly key: Key } | { readonly kind: 'paste'; readonly text: string };

const ESC = '\u001b';
const PASTE_END = `${ESC}[201~`;

/** Milliseconds to wait for the rest: of a lone Esc, of a sequence that has begun, of a paste. */
const ESC_WAIT = 50;
const SEQUENCE_WAIT = 500;
const PASTE_WAIT = 3000;

/** Characters kept of one paste, and of a report that does not end. */
const PASTE_LIMIT = 1 << 20;
const REPORT_LIMIT = 1 << 16;

/** A sequence read: how many characters it has, and its key if it is one. Undefined: its end has not come. */
type Read = { readonly length: number; readonly key?: Key; readonly pasteBegins?: boolean } | undefined;

export class KeyDecoder {
  #rest = '';
  #paste: string[] | undefined;
  #pasted = 0;

  /** Characters as they came, decoded from UTF-8. */
  feed(input: string): Heard[] {
    const heard: Heard[] = [];
    const text = this.#rest + input;
    this.#rest = '';
    let at = 0;
    while (at < text.length) {
      if (this.#paste) {
        at = this.#readPaste(text, at, heard);
        continue;
      }
      if (text[at] === ESC) {
        const read = readEscape(text, at);
        if (!read) {
          this.#rest = text.slice(at);
          break;
        }
        if (read.key) heard.push({ kind: 'key', key: read.key });
        if (read.pasteBegins) this.#paste = [];
        at += read.length;
        continue;
      }
      at = readPlain(text, at, heard);
    }
    return heard;
  }

  /** How long to wait, in milliseconds, before `settle`; undefined when nothing is unfinished. */
  get patience(): number | undefined {
    if (this.#paste) return PASTE_WAIT;
    if (this.#rest === '') return undefined;
    return this.#rest.length <= 2 ? ESC_WAIT : SEQUENCE_WAIT;
  }

  /** The rest does not come: a lone Esc is the key, an unfinished sequence is dropped, a paste is what came of it. */
  settle(): Heard[] {
    if (this.#paste) {
      this.#keep(this.#rest);
      this.#rest = '';
      return [this.#endPaste()];
    }
    const rest = this.#rest;
    this.#rest = '';
    if (rest === '' || rest.length > 2) return [];
    const second = rest[1];
    const keys =
      second === undefined || second === ESC ? [...rest].map(() => controlKey(0x1b)) : [metaKey(second as string)];
    return keys.map((key) => ({ kind: 'key', key }));
  }

  #readPaste(text: string, from: number, heard: Heard[]): number {
    const end = text.indexOf(PASTE_END, from);
    if (end >= 0) {
      this.#keep(text.slice(from, end));
      heard.push(this.#endPaste());
      return end + PASTE_END.length;
    }
    const tail = beginningOf(PASTE_END, text, from);
    this.#keep(text.slice(from, tail));
    this.#rest = text.slice(tail);
    return text.length;
  }

  #keep(piece: string): void {
    const kept = piece.slice(0, PASTE_LIMIT - this.#pasted);
    this.#pasted += kept.length;
    if (kept !== '') this.#paste?.push(kept);
  }

  #endPaste(): Heard {
    const text = (this.#paste ?? []).join('').replace(/\r\n?/g, '\n');
    this.#paste = undefined;
    this.#pasted = 0;
    return { kind: 'paste', text };
  }
}

/** Where in `text`, at or after `from`, an unfinished `whole` begins; the end of the text when nowhere. */
function beginningOf(whole: string, text: string, from: number): number {
  for (let at = Math.max(from, text.length - whole.length + 1); at < text.length; at++) {
    if (whole.startsWith(text.slice(at))) return at;
  }
  return text.length;
}

const TEXT = /[^\u0000-\u001f\u007f-\u009f]+/y;

/** A run of typed characters, or one control character. Answers where it ends. */
function readPlain(text: string, at: number, heard: Heard[]): number {
  TEXT.lastIndex = at;
  const run = TEXT.exec(text)?.[0];
  if (run !== undefined) {
    heard.push({ kind: 'key', key: textKey(run) });
    return at + run.length;
  }
  const code = text.charCodeAt(at);
  if (code < 0x80) heard.push({ kind: 'key', key: controlKey(code) });
  return text.startsWith('\r\n', at) ? at + 2 : at + 1;
}

function readEscape(text: string, at: number): Read {
  const second = text[at + 1];
  if (second === undefined) return undefined;
  if (second === '[') return readCsi(text, at);
  if (second === 'O') return readSs3(text, at);
  if (']P_^X'.includes(second)) return readReport(text, at);
  if (second === ESC) return readEscapeTwice(text, at);
  const code = second.charCodeAt(0);
  // Nothing beyond ASCII is typed with Meta: it is Esc, and then the character.
  if (code > 0x7f) return { length: 1, key: controlKey(0x1b) };
  return { length: 2, key: code < 0x20 || code === 0x7f ? controlKey(code, true) : metaKey(second) };
}

/** Esc twice, or Meta with a key that has a sequence of its own. */
function readEscapeTwice(text: string, at: number): Read {
  const third = text[at + 2];
  if (third === undefined) return undefined;
  if (third !== '[' && third !== 'O') return { length: 1, key: controlKey(0x1b) };
  const inner = readEscape(text, at + 1);
  if (!inner) return undefined;
  return { length: inner.length + 1, key: inner.key && { ...inner.key, meta: true } };
}

const CSI = /\u001b\[([0-?]*)([ -/]*)([@-~])?/y;

function readCsi(text: string, at: number): Read {
  if (text[at + 2] === '[') {
    const letter = text[at + 3];
    return letter === undefined ? undefined : { length: 4, key: linuxKey(letter) };
  }
  CSI.lastIndex = at;
  const [whole, params = '', between = '', final] = CSI.exec(text) as RegExpExecArray;
  // rxvt's shifted keys end with a character that no other sequence ends with.
  if (between === '$' && /^\d+$/.test(params)) {
    return { length: 3 + params.length, key: csiKey(params, '$') };
  }
  if (final === undefined) {
    if (at + whole.length >= text.length) return whole.length > REPORT_LIMIT ? { length: whole.length } : undefined;
    // Not a sequence after all: a control character or a letter of another script stands in it.
    return whole.length === 2 ? { length: 2, key: metaKey('[') } : { length: whole.length };
  }
  // The oldest mouse reports: three more characters, any at all.
  if (final === 'M' && params === '') return text.length < at + 6 ? undefined : { length: 6 };
  if (final === '~' && params === '200') return { length: whole.length, pasteBegins: true };
  return { length: whole.length, key: between === '' ? csiKey(params, final) : undefined };
}

const SS3 = /\u001bO(\d*)([A-Za-z])?/y;

function readSs3(text: string, at: number): Read {
  SS3.lastIndex = at;
  const [whole, params = '', final] = SS3.exec(text) as RegExpExecArray;
  if (final !== undefined) return { length: whole.length, key: ss3Key(params, final) };
  if (at + whole.length >= text.length) return undefined;
  return { length: 2, key: metaKey('O') };
}

/** What a terminal answers when asked: up to BEL or ESC \. Any other control character: it was no answer. */
function readReport(text: string, at: number): Read {
  for (let end = at + 2; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === 0x07 || code === 0x9c) return { length: end + 1 - at };
    if (code === 0x1b) {
      if (text[end + 1] === undefined) return undefined;
      return { length: (text[end + 1] === '\\' ? end + 2 : end) - at };
    }
    if (code < 0x20 || end - at > REPORT_LIMIT) return { length: end - at };
  }
  return undefined;
}
