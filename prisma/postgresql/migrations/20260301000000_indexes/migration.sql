-- DropIndex
DROP INDEX "persistables_project_type_hash_idx";

-- CreateIndex
CREATE INDEX "persistables_project_hash_created_at_idx" ON "persistables"("project", "hash", "created_at");

-- CreateIndex
CREATE INDEX "persistables_project_created_at_id_idx" ON "persistables"("project", "created_at", "id");
