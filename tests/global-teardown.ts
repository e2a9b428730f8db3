import './global-setup'

export default async (): Promise<void> => globalThis.stopTestPostgres?.()
