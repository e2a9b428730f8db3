-- Changed by hand, and invisible to `prisma migrate diff`:
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
