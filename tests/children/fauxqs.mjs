// An S3 server that is not our own, in a process of its own: it is an ES module, which Jest does not load. Ends with its parent.
import { startFauxqs } from 'fauxqs'

const server = await startFauxqs({ port: 0, logger: false })
server.createBucket('models')
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.port}` })}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
