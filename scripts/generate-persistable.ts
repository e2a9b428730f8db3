// npm run generate:persistable -- Classifier --column accuracy:Float? …: `persistables new` for the example app of this repository, on both providers.
import { main } from '../src/cli/program'
import { APP, generateExample } from './generate-example'

const run = async (args: readonly string[]): Promise<number> => {
  const asks = args.some((arg) => arg === '--dry-run' || arg === '--help')
  const io = { cwd: APP, env: process.env, stdout: process.stdout, stderr: process.stderr }
  const code = await main(['new', ...args, '--schema', 'prisma/postgresql', '--no-generate'], io)
  return code !== 0 || asks ? code : generateExample(false)
}

void run(process.argv.slice(2)).then((code) => {
  process.exitCode = code
})
