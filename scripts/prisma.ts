// npm run prisma -- [--provider sqlite|postgresql] <any arguments of prisma>
import { PROVIDERS, type Provider, runPrisma } from './prisma-cli'

const args = process.argv.slice(2)
const flag = args.indexOf('--provider')
const asked = flag === -1 ? process.env['PERSISTABLES_PROVIDER'] : args.splice(flag, 2)[1]
const guessed: Provider = /^postgres(ql)?:/.test(process.env['DATABASE_URL'] ?? '') ? 'postgresql' : 'sqlite'
const provider = asked === undefined ? guessed : PROVIDERS.find((known) => known === asked)

if (provider === undefined) {
  console.error(`Unknown provider "${asked}". Use --provider ${PROVIDERS.join(' or --provider ')}.`)
  process.exitCode = 2
} else {
  void runPrisma(args, { provider, interactive: true }).then(({ code }) => {
    process.exitCode = code
  })
}
