/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: '<rootDir>/tests/environment.ts',
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  // Campaigns of a minute each: CI runs them, `npm run test:all` too.
  testPathIgnorePatterns: process.env.ALL_TESTS === '1' ? ['/node_modules/'] : ['/node_modules/', '\\.slow\\.test\\.ts$'],
  // dist holds a second package.json-less copy of every module, and would be found twice
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.persistables/'],
  watchPathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.persistables/'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' }, sourceMaps: 'inline' }],
    // ES modules alone: Node itself can require them, Jest's own require cannot
    'node_modules/hyparquet.*\\.js$': ['@swc/jest', { jsc: { target: 'es2023' }, module: { type: 'commonjs' } }],
  },
  transformIgnorePatterns: ['/node_modules/(?!hyparquet)'],
  globalSetup: '<rootDir>/tests/global-setup.ts',
  globalTeardown: '<rootDir>/tests/global-teardown.ts',
  testTimeout: 60_000,
  maxWorkers: 2,
}
