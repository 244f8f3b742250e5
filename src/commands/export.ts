/** `export`: the cluster map and the extents as a picture or as text, in a new file. */
import { ImageError } from '../errors.ts';
import { exportFile } from '../host/export-file.ts';
import { imageCommand } from './command.ts';
import { sheetOf } from './export-sheet.ts';
import { sheetSvg } from './export-svg.ts';
import { sheetText } from './export-text.ts';
import { count, file, flag, flagWith } from './params.ts';
import { message } from './view.ts';

const WIDTH = 64;
const HEIGHT = 16;
const ROWS = 40;
const MOST_CELLS = 256;
const MOST_ROWS = 10_000;

export const exportCommand = imageCommand({
  name: 'export',
  group: 'inspect',
  place: 'image',
  summary: 'Write the cluster map and the extents to a picture or text file',
  details:
    'FILE ends in .svg for a picture or in .txt for text. While a conversion is under way there are three maps: the ' +
    'file as both formats see it together, and as each does. Many clusters share a cell where they must, and the ' +
    'gravest of them is shown. The file is made anew; one that exists is left alone unless --force replaces it.',
  params: { file: file('FILE', 'the file to make, NAME.svg or NAME.txt') },
  flags: {
    width: flagWith(
      count('CELLS', `cells in a row, at most ${MOST_CELLS}; ${WIDTH} when left out`, 1, MOST_CELLS),
      WIDTH,
    ),
    height: flagWith(
      count('CELLS', `rows of cells, at most ${MOST_CELLS}; ${HEIGHT} when left out`, 1, MOST_CELLS),
      HEIGHT,
    ),
    rows: flagWith(
      count('ROWS', `rows of each table, at most ${MOST_ROWS}; ${ROWS} when left out`, 0, MOST_ROWS),
      ROWS,
    ),
    plain: flag('in text, only ASCII characters'),
    force: flag('replace the file if it exists'),
  },
  examples: [
    { line: 'export map.svg', image: 'start.qcow2' },
    { line: 'open-target qed; setmap --all; export map.txt --width 40', image: 'start.qcow2' },
  ],
  *run(session, { file: path, width, height, rows, plain, force }) {
    const isPicture = /\.svg$/i.test(path);
    if (!isPicture && !/\.txt$/i.test(path)) {
      throw new ImageError({
        code: 'export-format',
        what: `'${path}' says not what to make of it: expected a name that ends in .svg or .txt`,
      });
    }
    const sheet = yield* sheetOf(session, { width, height, rows });
    const text = isPicture ? sheetSvg(sheet) : sheetText(sheet, plain);
    exportFile(path, text, { force, keep: [session.file.identity] });
    return message(`${path}: ${sheet.maps.length === 1 ? 'one map' : `${sheet.maps.length} maps`} and the extents`, {
      file: path,
      bytes: Buffer.byteLength(text),
    });
  },
});
