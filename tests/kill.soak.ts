import { killAtEveryStep, killAtRandom } from './kill'

test('SIGKILL before and after every step of a save, five times over', () => killAtEveryStep(5, 1), 3_600_000)
test('SIGKILL of several writers at random moments, fifty rounds', () => killAtRandom(50), 3_600_000)
