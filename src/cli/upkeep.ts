import type { Repository } from '../contract'
import { createRepository } from '../repository'
import type { Session } from './session'

/** The session's registry as a repository, with the types and serializers of the configuration. It need not be closed: the session is. */
export function repositoryOf({ connection, settings, stores, logger }: Session): Repository {
  return createRepository({
    client: connection.client,
    provider: connection.provider,
    ...(connection.schema !== undefined && { schema: connection.schema }),
    ...(settings.types !== undefined && { types: settings.types }),
    ...(settings.serializers !== undefined && { serializers: settings.serializers }),
    project: settings.project,
    stores: [...stores.values()],
    logger,
    cwd: settings.base,
  })
}
