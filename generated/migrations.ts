// Generated from prisma/*/migrations by `npm run generate`: do not edit.

export interface Migration {
  /** Name of the migration's folder. */
  readonly name: string
  /** sha256 of the file as hex, which Prisma keeps in `_prisma_migrations`. */
  readonly checksum: string
  readonly sql: string
}

export const MIGRATIONS: { readonly sqlite: readonly Migration[]; readonly postgresql: readonly Migration[] } = {
  sqlite: [
    {
      name: '20260101000000_init',
      checksum: 'c7b07af55acf97a1772b5ddca5b5ca4b48afc2079d81ac70985a22f472cc9c5c',
      sql: `-- CreateTable
CREATE TABLE "persistables" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "type" TEXT NOT NULL,
    "registered_name" TEXT NOT NULL,
    "project" TEXT NOT NULL DEFAULT 'default',
    "name" TEXT NOT NULL DEFAULT 'default',
    "author" TEXT NOT NULL DEFAULT 'default',
    "version" INTEGER NOT NULL,
    "version_description" TEXT NOT NULL DEFAULT '',
    "hash" TEXT NOT NULL,
    "has_external_files" BOOLEAN NOT NULL DEFAULT false,
    "filepaths" JSONB NOT NULL,
    "metadata" JSONB NOT NULL,
    "row_version" INTEGER NOT NULL DEFAULT 1,
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "modified_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- CreateTable
CREATE TABLE "persistable_edges" (
    "child_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "position" INTEGER NOT NULL DEFAULT 0,
    "parent_id" TEXT,
    "parent_hash" TEXT NOT NULL,
    "parent_label" TEXT NOT NULL,

    PRIMARY KEY ("child_id", "role", "position"),
    CONSTRAINT "persistable_edges_child_id_fkey" FOREIGN KEY ("child_id") REFERENCES "persistables" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "persistable_edges_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "persistables" ("id") ON DELETE SET NULL ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "persistable_aliases" (
    "project" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "alias" TEXT NOT NULL,
    "persistable_id" TEXT NOT NULL,
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,

    PRIMARY KEY ("project", "type", "name", "alias"),
    CONSTRAINT "persistable_aliases_persistable_id_fkey" FOREIGN KEY ("persistable_id") REFERENCES "persistables" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "persistable_tags" (
    "persistable_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    PRIMARY KEY ("persistable_id", "key"),
    CONSTRAINT "persistable_tags_persistable_id_fkey" FOREIGN KEY ("persistable_id") REFERENCES "persistables" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "persistable_counters" (
    "project" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,

    PRIMARY KEY ("project", "type", "name")
);

-- CreateTable
CREATE TABLE "persistable_blobs" (
    "store" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'live',
    "pinned_until" BIGINT,

    PRIMARY KEY ("store", "digest")
);

-- CreateTable
CREATE TABLE "persistable_registry" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT DEFAULT 1,
    "registry_id" TEXT NOT NULL,
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- CreateIndex
CREATE INDEX "persistables_project_type_hash_idx" ON "persistables"("project", "type", "hash");

-- CreateIndex
CREATE INDEX "persistables_project_type_created_at_id_idx" ON "persistables"("project", "type", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "persistables_project_type_name_version_key" ON "persistables"("project", "type", "name", "version");

-- CreateIndex
CREATE INDEX "persistable_edges_parent_id_idx" ON "persistable_edges"("parent_id");

-- CreateIndex
CREATE INDEX "persistable_aliases_persistable_id_idx" ON "persistable_aliases"("persistable_id");

-- CreateIndex
CREATE INDEX "persistable_tags_key_value_idx" ON "persistable_tags"("key", "value");
`,
    },
    {
      name: '20260201000000_upkeep',
      checksum: '2e133d4bfe774e7f6aa2ca986531bf5fe00331cf12c93c5434171db9ede20482',
      sql: `-- AlterTable
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
`,
    },
    {
      name: '20260301000000_indexes',
      checksum: 'd401c1dbb54a6d9b4b96028b33c32bcc6fccd8e18812a4d578c3b8df574c5352',
      sql: `-- DropIndex
DROP INDEX "persistables_project_type_hash_idx";

-- CreateIndex
CREATE INDEX "persistables_project_hash_created_at_idx" ON "persistables"("project", "hash", "created_at");

-- CreateIndex
CREATE INDEX "persistables_project_created_at_id_idx" ON "persistables"("project", "created_at", "id");
`,
    },
  ],
  postgresql: [
    {
      name: '20260101000000_init',
      checksum: '52c58be5825583180668503728c66c10e2c6cb8f3a0f3875cad47f6753a6bd44',
      sql: `-- Changed by hand, and invisible to \`prisma migrate diff\`:
--  * Text is COLLATE "C": the order of code points, the same on every server and on SQLite, so that pages come in one order everywhere,
--    prefix searches use the indexes, and an upgrade of the system's locales cannot corrupt them.
--  * No CREATE SCHEMA "public": it needs a right on the database that a role of an app need not have.

-- CreateTable
CREATE TABLE "persistables" (
    "id" TEXT COLLATE "C" NOT NULL,
    "type" TEXT COLLATE "C" NOT NULL,
    "registered_name" TEXT COLLATE "C" NOT NULL,
    "project" TEXT COLLATE "C" NOT NULL DEFAULT 'default',
    "name" TEXT COLLATE "C" NOT NULL DEFAULT 'default',
    "author" TEXT COLLATE "C" NOT NULL DEFAULT 'default',
    "version" INTEGER NOT NULL,
    "version_description" TEXT COLLATE "C" NOT NULL DEFAULT '',
    "hash" TEXT COLLATE "C" NOT NULL,
    "has_external_files" BOOLEAN NOT NULL DEFAULT false,
    "filepaths" JSONB NOT NULL,
    "metadata" JSONB NOT NULL,
    "row_version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "modified_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "persistables_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "persistable_edges" (
    "child_id" TEXT COLLATE "C" NOT NULL,
    "role" TEXT COLLATE "C" NOT NULL,
    "position" INTEGER NOT NULL DEFAULT 0,
    "parent_id" TEXT COLLATE "C",
    "parent_hash" TEXT COLLATE "C" NOT NULL,
    "parent_label" TEXT COLLATE "C" NOT NULL,

    CONSTRAINT "persistable_edges_pkey" PRIMARY KEY ("child_id","role","position")
);

-- CreateTable
CREATE TABLE "persistable_aliases" (
    "project" TEXT COLLATE "C" NOT NULL,
    "type" TEXT COLLATE "C" NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "alias" TEXT COLLATE "C" NOT NULL,
    "persistable_id" TEXT COLLATE "C" NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "persistable_aliases_pkey" PRIMARY KEY ("project","type","name","alias")
);

-- CreateTable
CREATE TABLE "persistable_tags" (
    "persistable_id" TEXT COLLATE "C" NOT NULL,
    "key" TEXT COLLATE "C" NOT NULL,
    "value" TEXT COLLATE "C" NOT NULL,

    CONSTRAINT "persistable_tags_pkey" PRIMARY KEY ("persistable_id","key")
);

-- CreateTable
CREATE TABLE "persistable_counters" (
    "project" TEXT COLLATE "C" NOT NULL,
    "type" TEXT COLLATE "C" NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "version" INTEGER NOT NULL,

    CONSTRAINT "persistable_counters_pkey" PRIMARY KEY ("project","type","name")
);

-- CreateTable
CREATE TABLE "persistable_blobs" (
    "store" TEXT COLLATE "C" NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "size" BIGINT NOT NULL,
    "state" TEXT COLLATE "C" NOT NULL DEFAULT 'live',
    "pinned_until" BIGINT,

    CONSTRAINT "persistable_blobs_pkey" PRIMARY KEY ("store","digest")
);

-- CreateTable
CREATE TABLE "persistable_registry" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "registry_id" TEXT COLLATE "C" NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "persistable_registry_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "persistables_project_type_hash_idx" ON "persistables"("project", "type", "hash");

-- CreateIndex
CREATE INDEX "persistables_project_type_created_at_id_idx" ON "persistables"("project", "type", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "persistables_project_type_name_version_key" ON "persistables"("project", "type", "name", "version");

-- CreateIndex
CREATE INDEX "persistable_edges_parent_id_idx" ON "persistable_edges"("parent_id");

-- CreateIndex
CREATE INDEX "persistable_aliases_persistable_id_idx" ON "persistable_aliases"("persistable_id");

-- CreateIndex
CREATE INDEX "persistable_tags_key_value_idx" ON "persistable_tags"("key", "value");

-- AddForeignKey
ALTER TABLE "persistable_edges" ADD CONSTRAINT "persistable_edges_child_id_fkey" FOREIGN KEY ("child_id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "persistable_edges" ADD CONSTRAINT "persistable_edges_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "persistables"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "persistable_aliases" ADD CONSTRAINT "persistable_aliases_persistable_id_fkey" FOREIGN KEY ("persistable_id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "persistable_tags" ADD CONSTRAINT "persistable_tags_persistable_id_fkey" FOREIGN KEY ("persistable_id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;
`,
    },
    {
      name: '20260201000000_upkeep',
      checksum: '275a6aae59324581f28bf0ac2ecec52041a088f00e79ae1fb0da1faba4788acc',
      sql: `-- Changed by hand, and invisible to \`prisma migrate diff\`:
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
`,
    },
    {
      name: '20260301000000_indexes',
      checksum: 'd401c1dbb54a6d9b4b96028b33c32bcc6fccd8e18812a4d578c3b8df574c5352',
      sql: `-- DropIndex
DROP INDEX "persistables_project_type_hash_idx";

-- CreateIndex
CREATE INDEX "persistables_project_hash_created_at_idx" ON "persistables"("project", "hash", "created_at");

-- CreateIndex
CREATE INDEX "persistables_project_created_at_id_idx" ON "persistables"("project", "created_at", "id");
`,
    },
  ],
}
