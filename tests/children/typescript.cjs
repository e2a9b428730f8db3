// Lets a plain child process of a test require the sources.
const { readFileSync } = require('node:fs')
const { transformSync } = require('@swc/core')

const options = { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } }
require.extensions['.ts'] = (module, filename) =>
  module._compile(transformSync(readFileSync(filename, 'utf8'), { ...options, filename }).code, filename)
