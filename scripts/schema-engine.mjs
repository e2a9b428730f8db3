#!/usr/bin/env node
// Prisma's schema engine where its binary cannot be downloaded: the npm package @prisma/schema-engine-wasm behind the command line and the JSON-RPC
// (lines on stdin and stdout) of the binary. Prisma runs it when PRISMA_SCHEMA_ENGINE_BINARY names this file; scripts/prisma.ts sets that.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { databaseOf, openEngine } from './schema-engine/engine.mjs'

const CODES = { DatabaseDoesNotExist: 'P1003', DatabaseNotReachable: 'P1001', AuthenticationFailed: 'P1000', DatabaseAccessDenied: 'P1010' }
const ACTIONS = { 'can-connect-to-database': 'assertReachable', 'create-database': 'create', 'drop-database': 'drop' }

const argv = process.argv.slice(2)
const valuesOf = (flag) => argv.flatMap((argument, i) => (argument === flag ? [argv[i + 1]] : []))
const datasource = JSON.parse(valuesOf('--datasource')[0] ?? '{}')

function printVersion() {
  const fromEngines = createRequire(createRequire(import.meta.url).resolve('@prisma/engines'))
  console.log(`schema-engine-cli ${fromEngines('@prisma/engines-version').enginesVersion.split('.').at(-1)}`)
}

async function runAction(name) {
  try {
    await databaseOf(datasource.url)[ACTIONS[name]](datasource.url)
  } catch (error) {
    const error_code = error.code ?? CODES[error.cause?.kind] ?? 'P1001'
    const message = error.cause?.originalMessage ?? error.message
    // the last line on stderr is where Prisma looks for the reason
    console.error(`\n${JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields: { error_code, message } })}`)
    process.exitCode = 1
  }
}

function serve() {
  const schemas = valuesOf('--datamodels').map((path) => [path, readFileSync(path, 'utf8')])
  const engine = openEngine(datasource.url ?? 'file::memory:', {
    schemas: schemas.length > 0 ? schemas : undefined,
    shadowUrl: datasource.shadowDatabaseUrl || undefined,
  })
  const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const answer = async (line) => {
    if (line.trim() === '') return
    const { id, method, params } = JSON.parse(line)
    if (method === undefined) return // Prisma's answer to our own print call
    try {
      const result = (await engine.call(method, params)) ?? {}
      // a diff is shown by the engine, through Prisma, and not taken from the result
      if (method === 'diff' && result.stdout) send({ id: -id, method: 'print', params: { content: result.stdout } })
      send({ id, result })
    } catch (error) {
      const data = { is_panic: false, message: error.message, meta: error.meta ?? null, error_code: error.code ?? null }
      send({ id, error: { code: 4466, message: error.message, data } })
    }
  }
  let queue = Promise.resolve()
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      queue = queue.then(() => answer(line)) // one session: calls must not overlap
    })
    .on('close', () => queue.then(engine.close).finally(() => process.exit(0)))
}

if (argv.includes('--version')) printVersion()
else if (argv.includes('cli')) await runAction(argv[argv.indexOf('cli') + 1])
else serve()
