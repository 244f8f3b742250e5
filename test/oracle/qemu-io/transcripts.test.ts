/**
 * Every command, option and complaint once, live beside real qemu-io: same words on both streams, same end. Commands
 * come on standard input, with prompts in between, or by `-c`.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { create, createLuks, describeWithQemu, io, suiteFolder } from '../../support/qemu.ts';
import { ours, real } from './twins.ts';

/** Arguments, and commands for standard input where there is a second part. */
type Case = readonly [args: string, ...lines: string[]];

/** What FEATURES lists, and what FORMATS says of qemu-io. */
const COMMANDS: readonly Case[] = [
  [
    '-f qcow2 a.qcow2',
    'length',
    'l',
    'info',
    'i',
    'map',
    'alloc 0',
    'a 0 1M',
    'alloc 262144 4194304',
    'alloc 0 5M',
    'alloc 5M',
  ],
  [
    '-f qcow2 a.qcow2',
    'read 0 512',
    'r -q 0 512',
    'read -v 1048544 32',
    'read -C 0 64k',
    'read -P 1 0 64k',
    'read -P 2 0 64k',
  ],
  [
    '-f qcow2 a.qcow2',
    'read -P 1 -s 10 -l 20 0 64k',
    'read -P 2 -s 1k 0 1k',
    'read -p 0 1',
    'read -vP 1 98k 4k',
    'read 0 0',
  ],
  [
    '-f qcow2 a.qcow2',
    'write 0 64k',
    'w -P 7 1 1',
    'write -z 128k 64k',
    'write -z -u 192k 64k',
    'write -z -n 256k 64k',
    'map',
  ],
  [
    '-f qcow2 a.qcow2',
    'write -c 512k 128k',
    'write -c 512k 64k',
    'write -f 700k 3',
    'write -C 0 512',
    'write -q 0 512',
    'map',
  ],
  ['-f qcow2 a.qcow2', 'write -b 0 1M', 'read -b -v 512 512', 'write -b 1 512', 'read -b 0 1', 'read -b 64M 512'],
  [
    '-f qcow2 a.qcow2',
    'write -s pat 0 10',
    'read -v 0 12',
    'w -s pat 0 0',
    'w -s none 0 1',
    'w -s /dev/null 0 1',
    'w -s /tmp 0 1',
  ],
  [
    '-f qcow2 a.qcow2',
    'readv 0 1k 1k',
    'readv -v 0 16 16',
    'readv -P 3 0 16',
    'writev 0 512 512',
    'writev -P 3 0 1k',
    'readv 0 x',
  ],
  [
    '-f qcow2 a.qcow2',
    'aio_read 0 512',
    'aio_flush',
    'aio_write -P 9 0 512',
    'aio_flush',
    'aio_read -P 8 0 512',
    'aio_flush',
  ],
  [
    '-f qcow2 a.qcow2',
    'aio_read 5M 1',
    'aio_flush',
    'aio_write 5M 1',
    'aio_flush',
    'aio_write -z 0 64k',
    'aio_flush',
    'aio_read -i 1 2',
  ],
  [
    '-f qcow2 a.qcow2',
    'discard 0 64k',
    'd -q 0 1',
    'discard -C 0 512',
    'discard 5M 1',
    'discard 0 0',
    'map',
    'flush',
    'f',
  ],
  [
    '-f qcow2 a.qcow2',
    'truncate 2M',
    'length',
    't 512k',
    'truncate -m metadata 1M',
    'truncate 1000001',
    'truncate -m full 512',
    'l',
  ],
  ['-f qcow2 a.qcow2', 'truncate -m falloc 3M', 'map', 'truncate -m off 4M', 'length', 'truncate 100P', 'length'],
  [
    '-f qed q.qed',
    'info',
    'write 0 4k',
    'map',
    'truncate 2M',
    'truncate 1M',
    'truncate -m full 3M',
    'truncate 1000001',
    'length',
  ],
  [
    '-f qed q.qed',
    'write -c 0 64k',
    'write -b 0 512',
    'read -b 0 512',
    'write -zn 0 64k',
    'write -z 0 64k',
    'discard 0 64k',
    'map',
  ],
  [
    '-f raw r.raw',
    'info',
    'length',
    'map',
    'write 1000 24',
    'read 999 1',
    'write 1024 1',
    'truncate 100',
    'write 0 100',
    'length',
  ],
  [
    '-f raw r.raw',
    'write -c 0 64k',
    'truncate -m metadata 2M',
    'truncate -m falloc 2M',
    'truncate -m full 512',
    'length',
    'discard 0 4k',
  ],
  [
    'r.raw',
    'write -P 0 0 512',
    'write 0 512',
    'write -s a.qcow2 0 512',
    'write -s q.qed 100 8',
    'write -s q.qed 0 1k',
    'length',
  ],
  [
    '-f qcow2 b.qcow2',
    'map',
    'read -P 1 0 100k',
    'write 4k 1',
    'read -v 4090 16',
    'write -z 64k 64k',
    'map',
    'alloc 0 1M',
  ],
  ['-C b.qcow2', 'read 0 1', 'read 100000 100', 'read 512k 1k', 'map'],
  [
    '-s b.qcow2',
    'write -P 3 0 64k',
    'read -P 3 0 64k',
    'info',
    'map',
    'discard 0 128k',
    'map',
    'truncate 2M',
    'length',
  ],
  ['-s -f raw r.raw', 'write 0 4k', 'map', 'info', 'write -c 64k 64k', 'read -v 0 20'],
  [
    '-r a.qcow2',
    'write 0 1',
    'discard 0 1',
    'truncate 1',
    'aio_write 0 1',
    'writev 0 1',
    'flush',
    'read -b 0 512',
    'length',
  ],
  [
    'v2.qcow2',
    'info',
    'write 0 1',
    'write -z 0 64k',
    'write -zu 64k 64k',
    'write -zn 0 64k',
    'map',
    'reopen -o lazy-refcounts=on',
  ],
  ['-n a.qcow2', 'read 0 1', 'write 1 512', 'read -v 0 16'],
  ['-m -t directsync a.qcow2', 'write 3 5', 'read 1 10'],
  [
    'a.qcow2',
    'reopen -r',
    'write 0 1',
    'reopen -w',
    'write 0 1',
    'reopen -c writeback',
    'reopen -o foo=1',
    'reopen -o lazy-refcounts=on',
  ],
  [
    'a.qcow2',
    'reopen -x',
    'reopen x',
    'reopen -r -w',
    'reopen -c bad',
    'reopen -o read-only=on -r',
    'reopen -o cache.direct=on -c none',
  ],
  ['', 'help', '?', 'help nothing', 'length', 'close', 'quit now', 'length'],
  [
    '',
    'open a.qcow2',
    'open q.qed',
    'close',
    'o -r q.qed',
    'write 0 1',
    'c',
    'open',
    'open -x a',
    'open a b',
    'open none',
  ],
  [
    '',
    'open -t bad a',
    'open -d bad a',
    'open -i bad a',
    'open -o foo=bar a.qcow2',
    'open -o driver=raw,foo=1 a.qcow2',
    'open -r',
  ],
  [
    '',
    'open -o driver=qcow2',
    'open -o driver=none a',
    'open -o foo a.qcow2',
    'open -o backing.foo=1 a.qcow2',
    'open -o file=x a.qcow2',
  ],
  [
    '',
    'open -U a.qcow2',
    'open -rU a.qcow2',
    'length',
    'close',
    'open -k a.qcow2',
    'open -C -r a.qcow2',
    'open m.qcow2',
  ],
  [
    '',
    'open -o driver=qcow2,lazy-refcounts=1 a.qcow2',
    'open -o overlap-check=some a.qcow2',
    'open -o detect-zeroes=x a.qcow2',
  ],
  [
    '',
    'open -o driver=qcow2,file.filename=a.qcow2',
    'length',
    'c',
    'open -o driver=file a.qcow2',
    'info',
    'length',
    'map',
  ],
  [
    '',
    'open -o detect-zeroes=on a.qcow2',
    'write -P 0 512k 64k',
    'map',
    'c',
    'open -o driver=raw a.qcow2',
    'write 0 4',
    'c',
    'open a.qcow2',
  ],
  ['', 'a', ' ', '  sleep   1', 'sleep x', 'sleep -1', 'sleep', 'sigraise 100', 'sigraise x', 'sigraise 0', 'sigraise'],
  [
    '--image-opts driver=qcow2,file.filename=a.qcow2',
    'length',
    'close',
    'open driver=raw,file.filename=r.raw',
    'info',
    'open -o a=b c',
  ],
];

const BAD_WORDS: Case = [
  'a.qcow2',
  ...[
    'xyz',
    'read',
    'read 0',
    'read -x 0 1',
    'read -a 0 1',
    'read 0 1 2',
    'r -- 0 1',
    'read -P 256 0 1',
    'read -P 08 0 1',
  ],
  ...[
    'read -P',
    'read 0 3G',
    'read 1M 1',
    'read 2M 0',
    'readv 0',
    'readv 0 1G 1G',
    'readv 0 3G',
    'aio_read 0',
    'aio_read 0 x',
  ],
  ...[
    'aio_write -z 0 1 2',
    'aio_write -u 0 1',
    'write -bz 0 1',
    'write -fb 0 1',
    'write -n 0 1',
    'write -u 0 1',
    'write -zP 1 0 1',
  ],
  ...[
    'write -c 0 1',
    'write 0 3G',
    'write -zn 0 3G',
    'discard 0 3G',
    'discard 0',
    'discard x 1',
    'alloc 1 2 3',
    'alloc',
    'map 1',
  ],
  ...[
    'break a',
    'break a b',
    'break l2_update A',
    'remove_break a',
    'resume a',
    'wait_break',
    'truncate',
    'truncate -m some 3',
  ],
];

const NUMBERS = (
  '1.5 1.0 1. 1.k 1.5k 1.0009765625k 1.b 1.5b 1.50000000000000000001k .5k +5 ++5 0x 0xg 0x1.8 18446744073709551616 16E 15E ' +
  '18446744073709551616k 8E 7.9999E 7.99999999999999999999E 1e3 1.5e1 1.e 1.5e inf nan 0b 0x10b 0x10k 010 1kk 1MiB 1KB 1s -1 ' +
  '0x8000000000000000 9223372036854775807 0X10 00x10 0.0000001k 0.00048828125k 0.0004k -0 0x-5 1_000 0x1bk 1.5.5k'
).split(' ');

const INVOCATIONS: readonly string[] = [
  ...[
    '-x',
    '--foo',
    '--c',
    '-c',
    '-f',
    '--format',
    '--help=3',
    '-h',
    'a b',
    '-t bad',
    '-d bad',
    '-i bad',
    '--n',
    '--he',
    '--=x',
  ],
  ...[
    '-f qcow2 --image-opts x',
    '--object secret',
    '--object some,id=a',
    '--object secret,id=s',
    'none',
    '-f none a.qcow2',
    '/tmp',
  ],
  ...[
    '-r /tmp',
    '-f qed a.qcow2',
    '-f qcow2 r.raw',
    'some:r.raw',
    'json:{none}',
    'json:[]',
    'blkdebug:r.raw',
    '-U a.qcow2',
  ],
  ...['blkdebug:none:a.qcow2', 'l.qcow2', '-r l.qcow2', 'm.qcow2', '-k a.qcow2', '--cm=length a.qcow2', '-rsc'],
];

const BLKDEBUG = 'driver=qcow2,file.driver=blkdebug,file.image.filename=a.qcow2';
const FAULTS: readonly Case[] = [
  ['', `open -o ${BLKDEBUG},file.inject-error.0.event=write_aio`, 'write 0 4k', 'write 512k 4k', 'read 0 4k', 'close'],
  [
    '',
    `open -o ${BLKDEBUG},file.inject-error.0.event=write_aio,file.inject-error.0.once=on,file.inject-error.0.errno=28`,
    'write 0 1',
    'write 0 1',
  ],
  [
    '',
    `open -o ${BLKDEBUG},file.inject-error.0.event=none,file.inject-error.0.iotype=flush`,
    'write 0 4k',
    'flush',
    'read 0 4k',
  ],
  [
    '',
    `open -o ${BLKDEBUG},file.set-state.0.event=write_aio,file.set-state.0.new_state=2,file.inject-error.0.event=write_aio,file.inject-error.0.state=2`,
    'write 512k 4k',
    'write 512k 4k',
  ],
  [
    '',
    `open -o ${BLKDEBUG},file.inject-error.0.event=some`,
    `open -o ${BLKDEBUG},file.inject-error.0.errno=5`,
    `open -o ${BLKDEBUG},file.foo=1`,
  ],
  [
    '',
    `open -o ${BLKDEBUG},file.align=3`,
    `open -o ${BLKDEBUG},file.align=x`,
    `open -o ${BLKDEBUG},file.align=4k`,
    'write 1 1',
  ],
  ['-f qcow2 blkdebug:rules:a.qcow2', 'write 0 4k', 'write 0 4k'],
  ['-f qcow2 blkdebug:wrong:a.qcow2', 'write 0 4k'],
  ['-f raw blkdebug::r.raw', 'info', 'write 0 4k'],
  [
    '',
    `open -o ${BLKDEBUG}`,
    'break write_aio A',
    'break some B',
    'aio_write 0 4k',
    'wait_break A',
    'read 64k 4k',
    'resume A',
    'aio_flush',
    'resume A',
    'remove_break A',
  ],
  [
    '',
    `open -o ${BLKDEBUG}`,
    'break write_aio A',
    'break write_aio B',
    'aio_write 0 4k',
    'wait_break B',
    'resume A',
    'resume B',
    'aio_flush',
  ],
  [
    '',
    `open -o ${BLKDEBUG}`,
    'break l2_load D',
    'remove_break D',
    'remove_break D',
    'break write_aio A',
    'aio_write 0 4k',
    'wait_break A',
    'write 512k 4k',
    'remove_break A',
    'aio_flush',
  ],
];

describeWithQemu('qemu-io, word by word', () => {
  const folder = suiteFolder();
  const origin = join(folder, 'origin');

  beforeAll(() => {
    mkdirSync(origin);
    const at = (name: string): string => join(origin, name);
    create(at('a.qcow2'), 'qcow2', '1M');
    io(at('a.qcow2'), 'qcow2', ['write -P 1 0 100k']);
    create(at('b.qcow2'), 'qcow2', '1M', { backing: { file: 'a.qcow2', format: 'qcow2' } });
    create(at('m.qcow2'), 'qcow2', '1M', { backing: { file: 'missing', format: 'qcow2' } });
    create(at('v2.qcow2'), 'qcow2', '1M', { options: { compat: '0.10' } });
    create(at('q.qed'), 'qed', '1M');
    createLuks(at('l.qcow2'), '1M');
    writeFileSync(at('r.raw'), new Uint8Array(1000));
    writeFileSync(at('pat'), 'abc');
    writeFileSync(at('rules'), '# once\n[inject-error]\nevent = "write_aio"\nerrno = "28"\nonce = "on"\n');
    writeFileSync(at('wrong'), '[inject-error]\nevent = "write_aio"\nsome = "1"\n');
  });

  /** Both start from the same files; names are the same in both folders. */
  function both(args: readonly string[], input: string): void {
    const twins = ['real', 'ours'].map((name) => {
      const cwd = join(folder, name);
      rmSync(cwd, { recursive: true, force: true });
      cpSync(origin, cwd, { recursive: true });
      return cwd;
    }) as [string, string];
    const said = real({ args, input, cwd: twins[0] });
    expect(ours({ args, input, cwd: twins[1] })).toEqual(said);
  }

  const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
  const title = ([args, ...lines]: Case): string => `${args} | ${lines.join('; ')}`.slice(0, 100);

  it.each(COMMANDS.map((one) => [title(one), one] as const))('%s', (_, [args, ...lines]) => {
    both(words(args), lines.map((line) => `${line}\n`).join(''));
  });

  it.each(FAULTS.map((one) => [title(one), one] as const))('faults: %s', (_, [args, ...lines]) => {
    // Not by lines: there QEMU may come to an instant only while it waits for the next one.
    both([...lines.flatMap((line) => ['-c', line]), ...words(args)], '');
  });

  it.each(INVOCATIONS)('qemu-io %s', (args) => both(words(args), ''));

  it('-c: words that are wrong', () => {
    const [image, ...lines] = BAD_WORDS;
    both([...lines.flatMap((line) => ['-c', line]), image], '');
  });

  it('numbers', () => {
    both(['a.qcow2'], NUMBERS.map((number) => `alloc ${number} 0\n`).join(''));
  });

  it('help of every command', () => {
    const names = [
      'abort',
      'aio_flush',
      'aio_read',
      'aio_write',
      'alloc',
      'break',
      'close',
      'discard',
      'flush',
      'help',
    ];
    names.push(
      'info',
      'length',
      'map',
      'open',
      'quit',
      'read',
      'readv',
      'remove_break',
      'reopen',
      'resume',
      'sigraise',
    );
    names.push('sleep', 'truncate', 'wait_break', 'write', 'writev', 'r', 'w', 'q', '?');
    both([], names.map((name) => `help ${name}\n`).join(''));
  });

  it('lines: longer than 1023 bytes, not ended, with bytes that are no text', () => {
    both(['a.qcow2'], `${'0'.repeat(1100)}\nlength\n\xff\xfe\nlength`);
    both(['a.qcow2'], 'close\nopen \xe4\nq\nlength\n');
  });

  it('signals: abort loses what was kept back, sigraise does not', () => {
    both(['-c', 'write 0 64k', '-c', 'abort', 'a.qcow2'], '');
    both(['-c', 'write 0 64k', '-c', 'sigraise 9', 'a.qcow2'], '');
    both(['-c', 'length', '-c', 'sigraise 15', 'a.qcow2'], '');
  });

  it('encrypted images', () => {
    const secret = ['--object', 'secret,id=s,data=platter'];
    const image = ['--image-opts', 'driver=qcow2,file.filename=l.qcow2,encrypt.key-secret=s'];
    both([...secret, ...image], 'info\nwrite -P 3 0 100k\nread -P 3 0 100k\nmap\n');
    both(['--object', 'secret,id=s,data=wrong', ...image], 'info\n');
  });
});
