/**
 * Text for terminals that show ASCII only: known signs become their likes, letters lose their accents, and what is
 * left becomes `?`, as many as it had columns. Escape sequences stay.
 */
import { eachPiece } from './pieces.ts';

const LIKE: Readonly<Record<string, string>> = {
  '→': '->',
  '←': '<-',
  '—': '-',
  '–': '-',
  '…': '...',
  '│': '|',
  '─': '-',
  '·': '.',
  '×': 'x',
  '≈': '~',
  '≤': '<=',
  '≥': '>=',
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  ß: 'ss',
  '✔': '+',
  '✖': 'X',
  '█': '#',
  '■': '#',
  '▓': '%',
  '▒': '=',
  '○': '0',
  '▲': '^',
  '▼': 'v',
};

const ASCII = /^[\x00-\x7f]*$/;

export function foldToAscii(text: string): string {
  if (ASCII.test(text)) return text;
  let out = '';
  eachPiece(text, (piece, width, kind) => {
    if (kind === 'run') for (const char of piece) out += folded(char, 1);
    else out += folded(piece, width);
  });
  return out;
}

function folded(char: string, width: number): string {
  if (ASCII.test(char)) return char;
  const like = LIKE[char];
  if (like !== undefined) return like;
  const bare = char.normalize('NFD').replace(/\p{Mark}+/gu, '');
  return /^[\x20-\x7e]+$/.test(bare) ? bare : '?'.repeat(width);
}
