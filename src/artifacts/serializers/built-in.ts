import type { AnySerializer } from '../serializer'
import { bytes } from './bytes'
import { csv } from './csv'
import { directory } from './directory'
import { file } from './file'
import { floats } from './floats'
import { json } from './json'
import { ndjson } from './ndjson'
import { structured } from './structured'
import { text } from './text'

/** The serializers that every repository knows by name: for rows whose class is not there, and for `savePatterns`. */
export function builtIn(): readonly AnySerializer[] {
  return [json(), text(), bytes(), ndjson(), csv(), floats(), structured(), file(), directory()]
}
