/** Passphrases in the words of QEMU's `--object`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readSecret } from '../../src/host/secret.ts';
import { testFolder } from '../support/qemu.ts';

const text = (option: string): string => Buffer.from(readSecret(option).bytes).toString();

it('takes data and files, plain and in base64', () => {
  const file = join(testFolder(), 'secret');
  writeFileSync(file, 'abc\n');
  expect(readSecret('secret,id=s0,data=geheim').id).toBe('s0');
  expect(text('secret,id=s0,data=a,,b=c')).toBe('a,b=c');
  expect(text('secret,id=s0,data=a,,,format=raw')).toBe('a,');
  expect(text(`secret,id=s0,file=${file}`)).toBe('abc\n');
  expect(text('secret,id=s0,format=base64,data=Z2VoZWlt')).toBe('geheim');
});

it.each([
  ['throttle-group,id=a', /not an object that Platter knows/],
  ['secret,data=a', /needs an id/],
  ['secret,id=a', /neither data nor file/],
  ['secret,id=a,data=b,file=c', /data and file/],
  ['secret,id=a,data=b,format=hex', /not a format/],
  ['secret,id=a,data=*,format=base64', /not base64/],
  ['secret,id=a,file=/nowhere', /cannot be read/],
  ['secret,id=a,data=b,keyid=k', /no 'keyid'/],
  ['secret,id', /not KEY=VALUE/],
])('refuses %s', (option, message) => {
  expect(() => readSecret(option)).toThrow(message);
});
