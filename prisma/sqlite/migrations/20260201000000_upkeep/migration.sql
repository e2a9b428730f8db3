-- AlterTable
ALTER TABLE "persistable_blobs" ADD COLUMN "marked" BIGINT;
ALTER TABLE "persistable_blobs" ADD COLUMN "born" BIGINT NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "persistable_contents" (
    "upload" TEXT NOT NULL PRIMARY KEY,
    "store" TEXT NOT NULL,
    "digest" TEXT,
    "size" BIGINT NOT NULL DEFAULT 0,
    "chunk_size" INTEGER NOT NULL,
    "touched" BIGINT NOT NULL
);

-- CreateTable
CREATE TABLE "persistable_chunks" (
    "upload" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "bytes" BLOB NOT NULL,

    PRIMARY KEY ("upload", "position"),
    CONSTRAINT "persistable_chunks_upload_fkey" FOREIGN KEY ("upload") REFERENCES "persistable_contents" ("upload") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE UNIQUE INDEX "persistable_contents_store_digest_key" ON "persistable_contents"("store", "digest");
