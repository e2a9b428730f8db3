import { Classifier, known, open, read, Source } from './fixtures/v0.1/registry'
import { EXPECTED, thaw } from './thaw'

for (const kind of ['embedded', 'sqlite', 'postgresql'] as const) {
  test(`what 0.1 kept is all there, and goes on (${kind})`, async () => {
    const app = await thaw(kind)
    const { place } = app
    const there = Object.entries(EXPECTED).filter(([ref]) => place.companion || !ref.includes('/Classifier/'))
    expect(await known(place)).toEqual(Object.fromEntries(there))
    const warnings: string[] = []
    const repo = await open(place, { warn: (message) => void warnings.push(message) })
    for (const [what, wanted, found] of await read(repo, place.companion, app.folder)) expect([what, found]).toEqual([what, wanted])
    const first = await repo.load(Source, 'penguins@1')
    const next = await repo.save(first.next({ artifacts: { rows: [{ n: 2, s: 'now' }] } }))
    expect([next.version, await next.artifact('rows')]).toEqual([4, [{ n: 2, s: 'now' }]])
    // The same thing made again has the same hash.
    const { rows } = await repo.rows({ where: { id: first.id } })
    const again = await repo.save(new Source({ name: 'again', config: first.config, artifacts: { rows: await first.artifact('rows') } }))
    expect(again.hash).toBe(rows[0]?.hash)
    if (place.companion) {
      const birds = await repo.load(Classifier, 'birds')
      const better = await repo.save(birds.next({ artifacts: { weights: Float32Array.of(3) }, columns: { label: 'better', accuracy: 0.99 } }))
      expect([better.version, better.accuracy]).toEqual([3, 0.99])
      expect((await repo.find(Classifier, { orderBy: { accuracy: 'desc' } })).map(({ version }) => version)).toEqual([3, 1, 2])
    }
    await repo.close()
    // The libraries that it was saved with are other ones now, or not: nothing else is warned about.
    expect(warnings.filter((warning) => !/was saved with other libraries/.test(warning))).toEqual([])
    const verified = await app.cli('verify', '--json')
    expect([verified.json().findings, verified.err, verified.code]).toEqual([[], '', 0])
    const doctor = await app.cli('doctor', '--json')
    expect(doctor.json().checks.filter(({ status }: { status: string }) => status !== 'ok')).toEqual([])
  })
}
