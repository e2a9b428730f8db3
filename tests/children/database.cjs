// node database.cjs open|read|migrate <json>: opens or migrates a database and prints what came of it as one line of JSON.
//  { url, extra?: Migration, killAt?: step, temporary?: folder, wait?: true }: `wait` prints "ready" and goes on when stdin closes
require('./typescript.cjs')
const { connect } = require('../../src/connect')
const { ensureSchema, migrate } = require('../../src/migrate')
const { databaseFailure } = require('../../src/failure')
const { MIGRATIONS } = require('../../generated/migrations')

const [, , verb, json] = process.argv
const { url, extra, killAt, wait, temporary } = JSON.parse(json)
// Not before: the loader keeps files of its own among the temporary ones.
if (temporary !== undefined) process.env.TMPDIR = temporary
const migrations = extra === undefined ? MIGRATIONS.sqlite : [...MIGRATIONS.sqlite, extra]
const warnings = []
const logger = { warn: (message) => warnings.push(message) }

async function ready() {
  // Loaded before the start, so that processes meet at the file.
  require('../../generated/sqlite/client')
  require('@prisma/adapter-better-sqlite3')
  process.stdout.write('ready\n')
  await new Promise((resolve) => process.stdin.on('end', resolve).resume())
}

const verbs = {
  async migrate() {
    return migrate(url, { logger, migrations, onStep: (step) => step === killAt && process.kill(process.pid, 'SIGKILL') })
  },
  async open() {
    const connection = await connect({ url, logger })
    try {
      const done = await ensureSchema(connection, { apply: true, migrations })
      return { ...done, rows: await connection.client.persistable.count() }
    } finally {
      await connection.close()
    }
  },
  async read() {
    const connection = await connect({ url, logger })
    try {
      await ensureSchema(connection, { apply: true, migrations })
      const blobs = await connection.client.persistableBlob.count()
      const save = connection.client.$transaction([connection.client.persistableRegistry.create({ data: { id: 1, registryId: 'x' } })])
      const code = await save.then(
        () => 'saved',
        (error) => databaseFailure(error, 'saving').code,
      )
      return { readOnly: connection.readOnly, blobs, code }
    } finally {
      await connection.close()
    }
  },
}

async function main() {
  if (wait) await ready()
  try {
    return { ...(await verbs[verb]()), warnings }
  } catch (error) {
    return { error: error.code, message: error.message, warnings }
  }
}

main().then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`))
