-- Changed by hand, and invisible to `prisma migrate diff`:
--  * Text is COLLATE "C", as in the first migration.
--  * Chunks are stored as they are: the server would try to compress each of them, and bytes that are worth it come compressed.

-- AlterTable
ALTER TABLE "persistable_blobs" ADD COLUMN "marked" BIGINT,
ADD COLUMN "born" BIGINT NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "persistable_contents" (
    "upload" TEXT COLLATE "C" NOT NULL,
    "store" TEXT COLLATE "C" NOT NULL,
    "digest" TEXT COLLATE "C",
    "size" BIGINT NOT NULL DEFAULT 0,
    "chunk_size" INTEGER NOT NULL,
    "touched" BIGINT NOT NULL,

    CONSTRAINT "persistable_contents_pkey" PRIMARY KEY ("upload")
);

-- CreateTable
CREATE TABLE "persistable_chunks" (
    "upload" TEXT COLLATE "C" NOT NULL,
    "position" INTEGER NOT NULL,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "persistable_chunks_pkey" PRIMARY KEY ("upload","position")
);

-- CreateIndex
CREATE UNIQUE INDEX "persistable_contents_store_digest_key" ON "persistable_contents"("store", "digest");

-- AddForeignKey
ALTER TABLE "persistable_chunks" ADD CONSTRAINT "persistable_chunks_upload_fkey" FOREIGN KEY ("upload") REFERENCES "persistable_contents"("upload") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "persistable_chunks" ALTER COLUMN "bytes" SET STORAGE EXTERNAL;
