import { inspect } from 'node:util'
import type { Command } from 'commander'
import type { Json } from '../../types'
import type { Context, Start } from '../context'
import type { ExitCode } from '../exit'
import { clean, facts, size, time } from '../render'
import type { Session } from '../session'

/** `persistables show <ref>`. */
export function addShow(program: Command, start: Start): void {
  program
    .command('show')
    .summary('show everything about one version')
    .description('Shows one version: hash, config, state, parents, tags, aliases, libraries, and where the bytes of each artifact are.')
    .argument('<ref>', 'Type/name, Type/name@3, Type/name@alias or an id; the type may be left out where one type alone has the name')
    .addHelpText(
      'after',
      `
Examples:
  $ persistables show Classifier/clf
  $ persistables show Classifier/clf@3 --json | jq .config
  $ persistables show 3f2b8c1e-6f0a-4c53-9f0e-0a4b6f0e2d11

With --json config and state are as they are stored: a Date, for example, is {"$":"date","v":"…"}.`,
    )
    .action((ref: string) => start((context) => show(context, ref)))
}

interface ParentView {
  readonly ref: string
  /** null when it was deleted */
  readonly id: string | null
  readonly hash: string | null
}

async function show(context: Context, ref: string): Promise<ExitCode> {
  const { output } = context
  const [{ withSession }, { findRow }, view, { aliasesOf }, { restore }] = await Promise.all([
    import('../session'),
    import('../lookup'),
    import('../view'),
    import('../../connect/facts'),
    import('../../normal'),
  ])
  await withSession(context, async (session) => {
    const row = await findRow(session, ref)
    const { config = {}, revision = '', library_versions: libraries = {} } = view.metadataOf(row)
    const state = view.stateOf(row)
    const parents = await parentsOf(session, row, view.metadataOf(row).parents ?? {})
    const aliases = await aliasesOf(session.connection.client, session.dialect, row.id)
    const { artifacts, ...plain } = view.rowView(row)
    const placed = Object.fromEntries(
      Object.entries(artifacts).map(([name, artifact]) => {
        const patterns = artifact.patterns.map((pattern) => ({ ...pattern, location: view.whereIs(session.stores, pattern) }))
        return [name, { ...artifact, patterns }] as const
      }),
    )
    const document = { ...plain, aliases, revision, config, state, parents, artifacts: placed, libraryVersions: libraries }
    await output.result(document, () => {
      const value = (json: Json): string => {
        const text = inspect(restore(json), { depth: 6, breakLength: 100, maxArrayLength: 50, maxStringLength: 500, colors: false })
        return clean(text, { multiline: true })
      }
      const pairs: [string, string][] = [
        ['id', row.id],
        ['hash', clean(row.hash)],
        ['project', clean(row.project)],
        ['author', clean(row.author)],
        ['created', time(row.createdAt)],
      ]
      const add = (name: string, text: string): void => void (text !== '' && pairs.push([name, text]))
      if (row.modifiedAt.getTime() !== row.createdAt.getTime()) add('modified', time(row.modifiedAt))
      if (row.registeredName !== row.type) add('class', clean(row.registeredName))
      add('description', clean(row.versionDescription, { multiline: true }))
      add('aliases', clean(aliases.join(', ')))
      add('tags', view.tagLines(row))
      add('revision', clean(revision))
      add('config', value(config))
      if (Object.keys(state).length > 0) add('state', value(state))
      add(
        'parents',
        Object.entries(parents)
          .flatMap(([role, list]) => list.map((parent) => clean(`${role}: ${parent.ref}${parent.id === null ? ' (deleted)' : ''}`)))
          .join('\n'),
      )
      add(
        'libraries',
        clean(
          Object.entries(libraries)
            .map(([name, version]) => `${name} ${version}`)
            .join('\n'),
          { multiline: true },
        ),
      )
      const bytes = Object.entries(placed).flatMap(([name, { source, patterns }]) => [
        `${output.paint('bold', clean(name))}${source ? ' (source)' : ''}`,
        ...patterns.map((pattern) =>
          clean(
            `  ${pattern.pattern}  ${size(pattern.size)}  sha256:${pattern.digest}\n    ${pattern.location ?? `the store "${pattern.store}" is not configured here`}`,
            { multiline: true },
          ),
        ),
      ])
      const parts = [output.paint('bold', clean(plain.ref)), facts(pairs, output.paint)]
      return [...parts, ...(bytes.length > 0 ? [`${output.paint('dim', 'artifacts')}\n${bytes.join('\n')}`] : [])].join('\n')
    })
  })
  return 0
}

async function parentsOf(
  { query }: Session,
  row: { readonly id: string },
  noted: Readonly<Record<string, readonly { readonly id: string; readonly hash: string }[]>>,
): Promise<Record<string, ParentView[]>> {
  const roles = await Promise.all(
    Object.entries(noted).map(async ([role, notes]) => {
      const found = await query.parents(row.id, role)
      return [
        role,
        found.map(({ row: parent, label }, i): ParentView => ({ ref: label, id: parent?.id ?? null, hash: parent?.hash ?? notes[i]?.hash ?? null })),
      ] as const
    }),
  )
  return Object.fromEntries(roles)
}
