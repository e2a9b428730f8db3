#!/usr/bin/env node
import { main } from './program'

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

// process.exit runs the 'exit' handlers, by which temporary files are removed; dying of the signal would not.
for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(code))
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const io = {
  cwd: process.cwd(),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  // opened by whoever asks, and nobody else
  get stdin() {
    return process.stdin
  },
}

void main(process.argv.slice(2), io).then((code) => {
  process.exitCode = code
})
