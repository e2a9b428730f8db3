import { killAtEveryStep, killAtRandom } from './kill'

// The whole of it, at least five times a step, is in kill.soak.ts.
test('SIGKILL before and after steps of a save leaves nothing half', () => killAtEveryStep(1, 40), 180_000)
test('SIGKILL of several writers at random moments leaves nothing half', () => killAtRandom(2), 120_000)
