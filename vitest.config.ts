import { defineConfig } from 'vitest/config';

const TERMINAL = 'test/terminal/**/*.test.ts';

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    setupFiles: ['test/support/setup.ts'],
    projects: [
      { extends: true, test: { name: 'rooms', include: ['test/**/*.test.ts'], exclude: [TERMINAL] } },
      {
        extends: true,
        test: {
          name: 'terminal',
          include: [TERMINAL],
          // Programs in real terminals share CI's machine with everything else there; what fails twice has failed.
          retry: process.env['CI'] ? 1 : 0,
        },
      },
    ],
  },
});
