-- CreateTable
CREATE TABLE "Classifier" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "accuracy" REAL,
    "stage" TEXT NOT NULL DEFAULT 'draft',
    "teamId" INTEGER,
    CONSTRAINT "Classifier_teamId_fkey" FOREIGN KEY ("teamId") REFERENCES "Team" ("id") ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT "Classifier_id_fkey" FOREIGN KEY ("id") REFERENCES "persistables" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Dataset" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "rowCount" INTEGER NOT NULL DEFAULT 0,
    "source" TEXT NOT NULL,
    "measuredOn" DATETIME,
    CONSTRAINT "Dataset_id_fkey" FOREIGN KEY ("id") REFERENCES "persistables" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Metric" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "share" REAL NOT NULL,
    "cost" DECIMAL,
    "details" JSONB,
    "seen" BIGINT,
    "passed" BOOLEAN NOT NULL DEFAULT false,
    "takenAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "slug" TEXT,
    CONSTRAINT "Metric_id_fkey" FOREIGN KEY ("id") REFERENCES "persistables" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "Team" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL
);

-- CreateTable
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
    "marked" BIGINT,
    "born" BIGINT NOT NULL DEFAULT 0,

    PRIMARY KEY ("store", "digest")
);

-- CreateTable
CREATE TABLE "persistable_registry" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT DEFAULT 1,
    "registry_id" TEXT NOT NULL,
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

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

