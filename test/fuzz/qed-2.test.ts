/** One of the parts that the run of spoilt QED images is cut into, to run beside the others. */
import { fuzzPart } from './part.ts';

fuzzPart('qed', 2, 2);
