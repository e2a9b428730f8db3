export { type Attempt, type ReadContext, type ReadRequest, readArtifact, rowsOfArtifact, type SharedRead, streamArtifact } from './read'
export { type ArtifactDraft, type EncodedArtifact, encodeArtifact, type WriteContext } from './write'
