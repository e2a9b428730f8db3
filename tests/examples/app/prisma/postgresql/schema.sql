-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "Stage" AS ENUM ('draft', 'LIVE', 'retired');

-- CreateTable
CREATE TABLE "Classifier" (
    "id" TEXT NOT NULL,
    "accuracy" DOUBLE PRECISION,
    "stage" "Stage" NOT NULL DEFAULT 'draft',
    "teamId" INTEGER,

    CONSTRAINT "Classifier_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Dataset" (
    "id" TEXT NOT NULL,
    "rowCount" INTEGER NOT NULL DEFAULT 0,
    "source" TEXT NOT NULL,
    "measuredOn" TIMESTAMP(3),

    CONSTRAINT "Dataset_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Metric" (
    "id" TEXT NOT NULL,
    "share" DOUBLE PRECISION NOT NULL,
    "cost" DECIMAL(65,30),
    "details" JSONB,
    "seen" BIGINT,
    "passed" BOOLEAN NOT NULL DEFAULT false,
    "takenAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "slug" TEXT,

    CONSTRAINT "Metric_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Team" (
    "id" INTEGER NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "Team_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "persistables" (
    "id" TEXT NOT NULL,
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
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "modified_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "persistables_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "persistable_edges" (
    "child_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "position" INTEGER NOT NULL DEFAULT 0,
    "parent_id" TEXT,
    "parent_hash" TEXT NOT NULL,
    "parent_label" TEXT NOT NULL,

    CONSTRAINT "persistable_edges_pkey" PRIMARY KEY ("child_id","role","position")
);

-- CreateTable
CREATE TABLE "persistable_aliases" (
    "project" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "alias" TEXT NOT NULL,
    "persistable_id" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "persistable_aliases_pkey" PRIMARY KEY ("project","type","name","alias")
);

-- CreateTable
CREATE TABLE "persistable_tags" (
    "persistable_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "persistable_tags_pkey" PRIMARY KEY ("persistable_id","key")
);

-- CreateTable
CREATE TABLE "persistable_counters" (
    "project" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,

    CONSTRAINT "persistable_counters_pkey" PRIMARY KEY ("project","type","name")
);

-- CreateTable
CREATE TABLE "persistable_blobs" (
    "store" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'live',
    "pinned_until" BIGINT,
    "marked" BIGINT,
    "born" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "persistable_blobs_pkey" PRIMARY KEY ("store","digest")
);

-- CreateTable
CREATE TABLE "persistable_registry" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "registry_id" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "persistable_registry_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "persistable_contents" (
    "upload" TEXT NOT NULL,
    "store" TEXT NOT NULL,
    "digest" TEXT,
    "size" BIGINT NOT NULL DEFAULT 0,
    "chunk_size" INTEGER NOT NULL,
    "touched" BIGINT NOT NULL,

    CONSTRAINT "persistable_contents_pkey" PRIMARY KEY ("upload")
);

-- CreateTable
CREATE TABLE "persistable_chunks" (
    "upload" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "persistable_chunks_pkey" PRIMARY KEY ("upload","position")
);

-- CreateIndex
CREATE INDEX "Classifier_accuracy_id_idx" ON "Classifier"("accuracy", "id");

-- CreateIndex
CREATE INDEX "Classifier_teamId_idx" ON "Classifier"("teamId");

-- CreateIndex
CREATE INDEX "Dataset_rowCount_id_idx" ON "Dataset"("rowCount", "id");

-- CreateIndex
CREATE UNIQUE INDEX "Metric_slug_key" ON "Metric"("slug");

-- CreateIndex
CREATE UNIQUE INDEX "Team_name_key" ON "Team"("name");

-- CreateIndex
CREATE INDEX "persistables_project_hash_created_at_idx" ON "persistables"("project", "hash", "created_at");

-- CreateIndex
CREATE INDEX "persistables_project_type_created_at_id_idx" ON "persistables"("project", "type", "created_at", "id");

-- CreateIndex
CREATE INDEX "persistables_project_created_at_id_idx" ON "persistables"("project", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "persistables_project_type_name_version_key" ON "persistables"("project", "type", "name", "version");

-- CreateIndex
CREATE INDEX "persistable_edges_parent_id_idx" ON "persistable_edges"("parent_id");

-- CreateIndex
CREATE INDEX "persistable_aliases_persistable_id_idx" ON "persistable_aliases"("persistable_id");

-- CreateIndex
CREATE INDEX "persistable_tags_key_value_idx" ON "persistable_tags"("key", "value");

-- CreateIndex
CREATE UNIQUE INDEX "persistable_contents_store_digest_key" ON "persistable_contents"("store", "digest");

-- AddForeignKey
ALTER TABLE "Classifier" ADD CONSTRAINT "Classifier_teamId_fkey" FOREIGN KEY ("teamId") REFERENCES "Team"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Classifier" ADD CONSTRAINT "Classifier_id_fkey" FOREIGN KEY ("id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Dataset" ADD CONSTRAINT "Dataset_id_fkey" FOREIGN KEY ("id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Metric" ADD CONSTRAINT "Metric_id_fkey" FOREIGN KEY ("id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "persistable_edges" ADD CONSTRAINT "persistable_edges_child_id_fkey" FOREIGN KEY ("child_id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "persistable_edges" ADD CONSTRAINT "persistable_edges_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "persistables"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "persistable_aliases" ADD CONSTRAINT "persistable_aliases_persistable_id_fkey" FOREIGN KEY ("persistable_id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "persistable_tags" ADD CONSTRAINT "persistable_tags_persistable_id_fkey" FOREIGN KEY ("persistable_id") REFERENCES "persistables"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "persistable_chunks" ADD CONSTRAINT "persistable_chunks_upload_fkey" FOREIGN KEY ("upload") REFERENCES "persistable_contents"("upload") ON DELETE CASCADE ON UPDATE CASCADE;

