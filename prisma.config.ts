import { defineConfig } from 'prisma/config'

const url = process.env['DATABASE_URL']
const provider = process.env['PERSISTABLES_PROVIDER'] ?? (url !== undefined && /^postgres(ql)?:/.test(url) ? 'postgresql' : 'sqlite')
const fallback = provider === 'postgresql' ? 'postgresql://localhost:5432/persistables' : 'file:./.persistables/registry.db'

export default defineConfig({
  schema: `prisma/${provider}`,
  migrations: { path: `prisma/${provider}/migrations` },
  datasource: { url: url ?? fallback },
})
