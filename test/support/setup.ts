/**
 * Runs before every test file: property tests start from the run's seed too, so a run is the same twice. Nothing found
 * by chance in one run can then hide in the next; PLATTER_SEED=random looks elsewhere, and a failure prints its seed.
 */
import fc from 'fast-check';
import { SEED } from './random.ts';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
