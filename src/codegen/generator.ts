#!/usr/bin/env node
import { dirname } from 'node:path'
import type { GeneratorOptions } from '@prisma/generator-helper'
import { apply } from './files'
import { blockOptions, folderOf, generation, supported } from './generate'
import { type Datamodel, readSchema } from './schema'
import { packageVersion } from './version'

const DEFAULT_OUTPUT = '../generated/persistables'

async function onGenerate({ generator, dmmf, schemaPath, datasources }: GeneratorOptions): Promise<void> {
  const output = generator.output?.value
  if (typeof output !== 'string') throw new Error('persistables-generator needs an output: output = "../generated/persistables"')
  const block = blockOptions(generator.config, generator.sourceFilePath === undefined ? folderOf(schemaPath) : dirname(generator.sourceFilePath))
  const provider = supported(datasources[0]?.provider)
  const { changes, warnings } = generation(dmmf.datamodel as unknown as Datamodel, readSchema(schemaPath), {
    ...block,
    output,
    provider,
    schema: schemaPath,
  })
  apply(changes)
  for (const warning of warnings) process.stderr.write(`persistables: ${warning}\n`)
}

// Prisma starts this with nothing on the command line; people ask it for its version.
if (process.argv.includes('--version')) console.log(packageVersion())
else {
  void import('@prisma/generator-helper').then(({ generatorHandler }) =>
    generatorHandler({
      onManifest: () => ({ prettyName: 'persistables', defaultOutput: DEFAULT_OUTPUT, version: packageVersion() }),
      onGenerate,
    }),
  )
}
