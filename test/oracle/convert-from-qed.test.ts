/** QED to qcow2, and to QED with other options, in place, on random images (judge.ts says what is expected). */
import { judgeDirection } from './judge.ts';

judgeDirection('qed', 'qcow2', 200);
judgeDirection('qed', 'qed', 60);
