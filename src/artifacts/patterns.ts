export { type Attempt, type ReadContext, type ReadRequest, readArtifact, type SharedRead, streamArtifact } from './read'
export { type ArtifactDraft, type EncodedArtifact, encodeArtifact, type WriteContext } from './write'
