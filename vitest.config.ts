import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Programs in real terminals share CI's machine with everything else there; what fails twice has failed.
    retry: process.env['CI'] ? 1 : 0,
  },
});
