import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { words } from '../src/cli/commands/new'
import { APP_CONFIG, APP_SCHEMA, type AppFolder, appFolder } from './codegen-project'
import { runWorker } from './workers'
import type { PromptsAnswer, PromptsTask } from './workers/prompts'

const ENTER = '\r'
const CTRL_C = '\u0003'

const app = async (): Promise<AppFolder> => {
  const made = await appFolder({ 'prisma/schema.prisma': APP_SCHEMA('sqlite'), 'prisma.config.ts': APP_CONFIG })
  expect((await made.cli('init')).code).toBe(0)
  return made
}

/** Runs it in a process of its own, where a user types each answer when its question is on the screen. */
const answering = async (task: Pick<PromptsTask, 'cwd' | 'answers'> & Partial<PromptsTask>): Promise<PromptsAnswer> => {
  const { answer } = await runWorker<PromptsAnswer>('prompts', {
    argv: ['new', '--no-generate'],
    stdin: true,
    stdout: true,
    ...task,
  } satisfies PromptsTask)
  if (answer === undefined || answer.failed !== undefined) throw new Error(answer?.failed ?? 'no answer')
  return answer
}

test('persistables new asks on a terminal, and makes what the flags would make', async () => {
  const [asked, told] = [await app(), await app()]
  const answers: PromptsTask['answers'] = [
    ['What is the type called?', `class${ENTER}`],
    // Refused at once, and corrected.
    ['capital letter', `${'\u007f'.repeat(5)}Classifier${ENTER}`],
    ['What is it, in a sentence?', `How birds are told apart.${ENTER}`],
    ['Columns', `accuracy:Float?@index rowCount:Int=0${ENTER}`],
    ['Config', `rate:number  shape:{ a: number; b: 'x y' }${ENTER}`],
    ['Artifacts', `weights:floats rows:ndjson<{ a: number }>->disk,s3${ENTER}`],
    ['Parents', ENTER],
  ]
  const { code, out, err, left } = await answering({ cwd: asked.folder, answers })
  expect([err, code, left]).toEqual(['', 0, 0])
  expect(out).toContain('npx prisma migrate dev --name classifier')
  const flags = [
    '--column',
    'accuracy:Float?@index',
    '--column',
    'rowCount:Int=0',
    '--config',
    'rate:number',
    '--config',
    "shape:{ a: number; b: 'x y' }",
  ]
  const artifacts = [
    '--artifact',
    'weights:floats',
    '--artifact',
    'rows:ndjson<{ a: number }>->disk,s3',
    '--description',
    'How birds are told apart.',
  ]
  expect((await told.cli('new', 'Classifier', ...flags, ...artifacts, '--no-generate')).code).toBe(0)
  for (const path of [
    'prisma/schema.prisma',
    'persistables/Classifier.ts',
    'persistables/Classifier.test.ts',
    'generated/persistables/Classifier.ts',
  ])
    expect([path, readFileSync(join(asked.folder, path), 'utf8')]).toEqual([path, readFileSync(join(told.folder, path), 'utf8')])
})

test('a type of nothing but its name: enter at every question', async () => {
  const { folder } = await app()
  const answers: PromptsTask['answers'] = [
    ['What is the type called?', ENTER],
    ['needs a name', `Note${ENTER}`],
    ['in a sentence', ENTER],
    ['Columns', ENTER],
    ['Config', ENTER],
    ['Artifacts', ENTER],
    ['Parents', ENTER],
  ]
  const { code, out } = await answering({ cwd: folder, answers })
  expect([code, out]).toEqual([0, expect.stringContaining('nothing to migrate')])
  expect(readFileSync(join(folder, 'persistables/Note.ts'), 'utf8')).toContain("export class Note extends persistable('Note') {}")
})

test('cancelled at any question: nothing is written', async () => {
  const questions = ['What is the type called?', 'in a sentence', 'Columns', 'Config', 'Artifacts', 'Parents']
  const { folder } = await app()
  const schema = readFileSync(join(folder, 'prisma/schema.prisma'), 'utf8')
  for (const [at] of questions.entries()) {
    const answers = questions.slice(0, at + 1).map((question, i) => [question, i === at ? CTRL_C : i === 0 ? `Thing${ENTER}` : ENTER] as const)
    const { code, err, out } = await answering({ cwd: folder, answers })
    expect([at, code, err]).toEqual([at, 2, expect.stringContaining('Cancelled.')])
    expect(out).toContain('Nothing was written.')
  }
  expect([readFileSync(join(folder, 'prisma/schema.prisma'), 'utf8'), existsSync(join(folder, 'persistables'))]).toEqual([schema, false])
})

test('without a terminal on either side nothing is asked', async () => {
  const { folder } = await app()
  for (const given of [{ stdin: false }, { stdout: false }, { argv: ['new', '--json'] }]) {
    const { code, err } = await answering({ cwd: folder, answers: [], ...given })
    expect([code, err]).toEqual([2, expect.stringContaining('No type is given')])
  }
})

test('the parts of an answer', () => {
  expect(words('  a:number   f:(x: number) => string b:"x y" c:Map<string, { d: 1 }> ')).toEqual([
    'a:number',
    'f:(x: number)',
    '=>',
    'string',
    'b:"x y"',
    'c:Map<string, { d: 1 }>',
  ])
  expect(words('w:floats->disk,s3 v:json<A>->disk')).toEqual(['w:floats->disk,s3', 'v:json<A>->disk'])
})
