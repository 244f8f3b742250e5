/** qcow2 to QED, and to qcow2 with other options, in place, on random images (judge.ts says what is expected). */
import { judgeDirection } from './judge.ts';

judgeDirection('qcow2', 'qed', 200);
judgeDirection('qcow2', 'qcow2', 60);
