/** One of the parts that the run of spoilt qcow2 images is cut into, to run beside the others. */
import { fuzzPart } from './part.ts';

fuzzPart('qcow2', 4, 4);
