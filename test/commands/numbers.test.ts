/** Numbers in, sizes out, and argument counts: in qemu-io's words, byte for byte. */
import { describe, expect, it } from 'vitest';
import { sizeText } from '../../src/bytes/size.ts';
import { size } from '../../src/commands/params.ts';
import { describeWithQemu, io, judged } from '../support/qemu.ts';
import { SAMPLES, transcript } from './transcript.ts';

const { parse } = size('N', 'a number');
const NOT_A_NUMBER = 'Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- ';

describe('numbers', () => {
  it.each<[string, number]>([
    ['512', 512],
    ['0x200', 512],
    ['0X200', 512],
    ['1k', 1024],
    ['1K', 1024],
    ['1M', 2 ** 20],
    ['1g', 2 ** 30],
    ['1T', 2 ** 40],
    ['1P', 2 ** 50],
    ['1E', 2 ** 60],
    ['1.5M', 1.5 * 2 ** 20],
    ['.5k', 512],
    ['1b', 1],
    ['0', 0],
  ])('%s', (text, value) => expect(parse(text)).toBe(value));

  it.each(['1s', '1e3', '-1', '1MiB', '', 'x', '0xg', '1 k', '1kk'])('%j is refused', (text) => {
    expect(() => parse(text)).toThrow(`${NOT_A_NUMBER}${text}`);
  });

  it('9E is too large', () => expect(() => parse('9E')).toThrow('Parsing error: argument too large -- 9E'));

  it.each<[number, string]>([
    [0, '0 bytes'],
    [1, '1 bytes'],
    [1023, '1023 bytes'],
    [65536, '64 KiB'],
    [1.875 * 2 ** 20, '1.875 MiB'],
    [3.0625 * 2 ** 20, '3.062 MiB'],
    [4 * 2 ** 20, '4 MiB'],
    [2 ** 60, '1 EiB'],
  ])('%d bytes are %s', (bytes, text) => expect(sizeText(bytes)).toBe(text));
});

const START = `${SAMPLES}/start.qcow2`;
const LINES = ['length', 'alloc 0', 'alloc 0 4M', 'alloc 0x4000 8k', 'alloc 7.5M 4M', 'alloc 9M', 'alloc 1 1'];
const MISTAKES: readonly [line: string, complaint: string][] = [
  ['length 1', 'bad argument count 1 to length, expected 0 arguments'],
  ['alloc', 'bad argument count 0 to alloc, expected between 1 and 2 arguments'],
  ['alloc 1 2 3', 'bad argument count 3 to alloc, expected between 1 and 2 arguments'],
  ['alloc 1s', `${NOT_A_NUMBER}1s`],
  ['alloc -1', `${NOT_A_NUMBER}-1`],
  ['bogus', 'command "bogus" not found'],
  ['open x', "file open already, try 'help close'"],
];

describe('complaints', () => {
  it.each(MISTAKES)('%s', async (line, complaint) => {
    const { text, status } = await transcript([line], { image: START });
    expect(text.startsWith(complaint)).toBe(true);
    expect(status).toBe(1);
  });

  it('without an image', async () => {
    expect(await transcript(['length'])).toEqual({ text: "no file open, try 'help open'\n", status: 1 });
  });

  it('what was perhaps meant', async () => {
    expect((await transcript(['ifno'])).text).toBe('command "ifno" not found. Try: info\n');
  });

  it('a failed command does not stop the next', async () => {
    const { text, status } = await transcript(['bogus; length', 'length'], { image: START });
    expect(text).toBe('command "bogus" not found\n8 MiB\n8 MiB\n');
    expect(status).toBe(1);
  });
});

describeWithQemu('the words of qemu-io', () => {
  it.each(LINES)('%s', async (line) => {
    const { text } = await transcript([line], { image: START });
    expect(text).toBe(io(START, 'qcow2', [line], { readOnly: true }).stdout);
    judged();
  });

  it('info has the lines of qemu-io', async () => {
    const ours = (await transcript(['info'], { image: START })).text.split('\n');
    for (const line of io(START, 'qcow2', ['info'], { readOnly: true }).stdout.trimEnd().split('\n'))
      expect(ours).toContain(line);
  });
});
