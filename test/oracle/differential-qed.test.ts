/** Part of the comparison of verdicts on spoilt images; the others run beside it. */
import { differential } from './differential.ts';

differential('qed', 300);
