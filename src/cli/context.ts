import type { ExitCode } from './exit'
import type { Io } from './io'
import type { Output, OutputFlags } from './output'
import type { SettingsFlags } from './settings'

/** What a command is given, besides its own options. */
export interface Context {
  readonly io: Io
  readonly flags: SettingsFlags & OutputFlags
  readonly output: Output
}

/** What a command does with its options. */
export type Work = (context: Context) => Promise<ExitCode>

/** Hands a command's work to the program, which gives it the {@link Context}. */
export type Start = (work: Work) => Promise<void>
