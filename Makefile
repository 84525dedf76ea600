# MaskGate. `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
# --system-site-packages lets the environment see the Raspberry Pi's picamera2.
VENV_OPTIONS ?=
DEV := .venv-dev
FLASH := .venv-flash
# Where there is an NVIDIA GPU, training gets an environment with CUDA.
TRAIN := $(if $(shell command -v nvidia-smi),.venv-gpu,$(DEV))
MODEL ?= compact
# The broker of make fleet-test: nats or rabbitmq.
CLUSTER ?= nats
RUN ?= runs/$(MODEL)
BUNDLE ?= bundles/$(notdir $(RUN))
VERSION ?= 1.0.0
PIP := -m pip --disable-pip-version-check
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# By the environment, for they may hold quotes and spaces.
export CONFIG SOURCE BROKER
export FLEET DEVICE PROFILE SITE DEVICE_ID IMAGE OUT CARD HOST SECRETS WIFI WIFI_PASSWORD_FILE WIFI_COUNTRY SSH_KEY TIMEZONE
.PHONY: help run flash flash-given test lint format fuzz bench soak kill-test fleet-test pictures data train cluster convert data-given run-given lock mosquitto brokers mmdebstrap image-tools image-test image-test-tools emulator sshd first-boot chromium swiftshader clean

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  SOURCE=… BROKER=… SECONDS=… CONFIG=… go with make run; PYTHON=python3.12 chooses a Python"
	@echo "  PROFILE=… SITE=… DEVICE_ID=… [BROKER=…] and IMAGE=… OUT=… [CARD=…] or HOST=… go with make flash; see docs/flashing.md"
	@echo "  CLIPS='videos or GIFs' goes with make bench: whom the motion gate misses in them"
	@echo "  YUNET=file.onnx AIZOO=file.tflite go with make bench: these detectors beside ours"
	@echo "  MODEL=compact|cnn|vgg16|detector RUN=folder OPTIONS='--epochs 10' go with make train; all folders of DATA are joined"

run: $(VENV)/ready ## Watch, with the live view: a demo with its own broker, or SOURCE=… BROKER=… SECONDS=…
	@$(VENV)/bin/maskgate run --view $(if $(CONFIG),--config "$$CONFIG") $(if $(SOURCE),--source "$$SOURCE") \
		$(if $(BROKER),--broker "$$BROKER") $(if $(SECONDS),--seconds '$(SECONDS)')

flash: flash-given $(FLASH)/ready image-tools ## Set a device up: IMAGE=… OUT=…, [and CARD=…], or HOST=…; or FLEET=fleet.toml
	@set +u; set -- $${FLEET:+--fleet "$$FLEET"} $${DEVICE:+--device "$$DEVICE"} $${PROFILE:+--profile "$$PROFILE"} \
		$${SITE:+--site "$$SITE"} $${DEVICE_ID:+--device-id "$$DEVICE_ID"} $${BROKER:+--broker "$$BROKER"} \
		$${SECRETS:+--secrets "$$SECRETS"} $${SOURCE:+--source "$$SOURCE"} $${CONFIG:+--config "$$CONFIG"}; \
	flash=$(FLASH)/bin/maskgate-flash; \
	if test -n "$$HOST"; then exec $$flash host "$$@" --host "$$HOST" $(OPTIONS); fi; \
	if test -n "$$FLEET" -a -z "$$DEVICE"; then \
		exec $$flash fleet "$$FLEET" $${IMAGE:+--image "$$IMAGE"} $${OUT:+--out "$$OUT"} $(OPTIONS); fi; \
	if test -z "$$IMAGE"; then exec $$flash host "$$@" $(OPTIONS); fi; \
	out="$${OUT:-$${DEVICE_ID:-$$DEVICE}.img}"; \
	$$flash image "$$IMAGE" --out "$$out" "$$@" $${WIFI:+--wifi "$$WIFI"} $${TIMEZONE:+--timezone "$$TIMEZONE"} \
		$${WIFI_PASSWORD_FILE:+--wifi-password-file "$$WIFI_PASSWORD_FILE"} \
		$${WIFI_COUNTRY:+--wifi-country "$$WIFI_COUNTRY"} $${SSH_KEY:+--ssh-key "$$SSH_KEY"} $(OPTIONS); \
	if test -n "$$CARD"; then $$flash card "$$out" "$$CARD"; fi

# Before anything is installed or asked for.
flash-given:
	@set +u; for name in PROFILE SITE DEVICE_ID; do \
		test -n "$$FLEET$${!name}" || missing="$${missing:+$$missing, }$$name"; done; \
	test -z "$${missing:-}" || { echo "$$missing: not given. For example make flash PROFILE=pi5 SITE=hq" \
		"DEVICE_ID=north-door BROKER=broker.example IMAGE=raspios.img.xz OUT=north-door.img" \
		"(profiles: $(basename $(notdir $(filter-out %/base.toml %/raspberry-pi.toml,$(wildcard firmware_config/profiles/*.toml)))));" \
		"or make flash FLEET=fleet.toml" >&2; exit 2; }; \
	test -n "$$FLEET$$IMAGE$$HOST" || { echo "IMAGE or HOST: not given. IMAGE=raspios.img.xz" \
		"[OUT=north-door.img] [CARD=/dev/sdX] makes an image, HOST=pi@north-door.local sets up a system" \
		"that runs" >&2; exit 2; }; \
	test -z "$$HOST" -o -z "$$IMAGE$$CARD" || { echo "HOST=$$HOST: it is reached over ssh and needs" \
		"neither IMAGE nor CARD; give one or the other" >&2; exit 2; }; \
	test -z "$$CARD" -o -n "$$IMAGE" || { echo "CARD=$$CARD: which IMAGE shall be written to it?" >&2; exit 2; }; \
	test -z "$$CARD$$HOST" -o -z "$$FLEET" -o -n "$$DEVICE" || { echo "CARD and HOST are of one device:" \
		"name it by DEVICE" >&2; exit 2; }

test: $(DEV)/ready mosquitto chromium mmdebstrap .venv-legacy/ready swiftshader image-test-tools sshd first-boot ## All tests
	$(DEV)/bin/pytest

lint: $(DEV)/ready ## Linter, formatter and type checker
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy

format: $(DEV)/ready ## Put the code into its form
	$(DEV)/bin/ruff check --fix .
	$(DEV)/bin/ruff format .

# In memory where that goes: each case makes and removes files.
fuzz: export TMPDIR := $(firstword $(wildcard /dev/shm /tmp))
fuzz: $(DEV)/ready ## 10,000 malformed settings, bundles, signatures, commands, each by two fuzzers (minutes)
	FUZZ_CASES=10000 $(DEV)/bin/pytest tests/fuzz -s
	@$(DEV)/bin/python -c "import atheris" 2>/dev/null || \
		{ echo "atheris has no wheel for this Python: its part is left out"; exit 0; }; \
	for target in configuration manifest zip signature updates command; do \
		echo "atheris: $$target"; \
		$(DEV)/bin/python -m tests.fuzz.guided $$target -runs=10000 -max_len=30000 -timeout=10; done

bench: $(DEV)/ready $(VENV)/ready mosquitto ## Speed against the paper's way, in one run (minutes)
	$(DEV)/bin/python -m benchmarks
	$(if $(YUNET)$(AIZOO),$(DEV)/bin/python -m benchmarks.peers \
		$(if $(YUNET),--yunet $(YUNET)) $(if $(AIZOO),--aizoo $(AIZOO)))
	$(if $(CLIPS),$(DEV)/bin/python -m benchmarks.clips $(CLIPS))

soak: $(DEV)/ready mosquitto ## Two million frames through the runtime: does its memory grow? (hours; FRAMES=20000 for a look)
	$(DEV)/bin/python -m benchmarks.soak $(if $(FRAMES),--frames $(FRAMES))

kill-test: $(DEV)/ready mosquitto ## Kill a device 200 times while its broker comes and goes: what is lost? (KILLS=… SEED=…)
	$(DEV)/bin/python -m tests.kills $(if $(KILLS),--kills '$(KILLS)') $(if $(SEED),--seed '$(SEED)')

# In memory where that goes: 200 outboxes and three nodes on one disk would wait for it alone.
fleet-test: export TMPDIR := $(firstword $(wildcard /dev/shm /tmp))
fleet-test: $(DEV)/ready brokers ## 200 devices alert, a node of their clustered broker is killed: what is lost? (CLUSTER=rabbitmq)
	$(DEV)/bin/python -m tests.fleet.fleet --broker $(CLUSTER) $(OPTIONS)

image-test: $(DEV)/ready mosquitto emulator ## Flash an image, boot it in an emulated Raspberry Pi, cut its power (ten minutes)
	$(DEV)/bin/pytest -m image -s tests/image_test

pictures: $(DEV)/ready chromium ## The pictures of the README and of docs
	$(DEV)/bin/python -m docs.pictures

data: $(TRAIN)/ready ## Fetch Kaggle's face-mask pictures into data/ (needs an account there)
	$(TRAIN)/bin/maskgate-train fetch --out data

train: data-given $(TRAIN)/ready ## Train MODEL on DATA, with a report: make train DATA=data
	$(TRAIN)/bin/maskgate-train $(MODEL) $(DATA) --out $(RUN) $(OPTIONS)

cluster: data-given $(TRAIN)/ready ## Tell masked from bare without labels: make cluster DATA=data
	$(TRAIN)/bin/maskgate-train cluster $(DATA) --out $(if $(filter file,$(origin RUN)),runs/cluster,$(RUN)) $(OPTIONS)

convert: run-given $(DEV)/ready .venv-legacy/ready ## Make and verify a bundle: make convert RUN=runs/compact [BUNDLE=… VERSION=…]
	$(DEV)/bin/maskgate-convert $(if $(wildcard $(RUN)/faces.keras),detector,model) $(RUN) --out $(BUNDLE) --version $(VERSION) $(OPTIONS) \
		$$(test ! -x .venv-legacy/bin/python || echo --tflite-runtime .venv-legacy/bin/python)

run-given:
	@test -d "$(RUN)" || { echo "RUN=$(RUN): no such folder; which run shall be converted? make train makes one" >&2; exit 2; }

data-given:
	@test -n "$(DATA)" || { echo "DATA is not given: which folders hold the pictures? For example" \
		"make $(MAKECMDGOALS) DATA=data (make data fetches Kaggle's)" >&2; exit 2; }

lock: $(DEV)/ready ## Pin the newest versions that fit pyproject.toml, with their hashes
	$(call lock,pyproject.toml --extra edge --extra demo,edge)
	$(call lock,pyproject.toml --extra dev,dev)
	$(call lock,pyproject.toml --extra flash,flash)
	$(call lock,pyproject.toml --extra edge-legacy,legacy)
	$(call lock,pyproject.toml constraints/device.in --extra edge,device)
	$(call lock,pyproject.toml constraints/device.in --extra edge -c constraints/numpy1.in,numpy1)
	$(call lock,pyproject.toml --extra train-gpu,gpu)
	$(call lock,constraints/build.in,build)
	$(call lock,--no-deps constraints/photos.in,photos)

clean: ## Remove what was installed and built
	rm -rf $(VENV) $(DEV) $(FLASH) .venv-legacy .venv-gpu build *.egg-info

define lock
$(DEV)/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --upgrade \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(1) -o constraints/$(2).txt
endef

python_fits = @$(PYTHON) -c "import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 13) else \
	'Python 3.10 to 3.13 is needed, $(PYTHON) is %d.%d; try: make PYTHON=python3.12 …' % sys.version_info[:2])"

# What a device gets. pip goes again when it is done, and only what is used gets compiled: both
# would take more room than the detector, the classifier and the broker together.
$(VENV)/ready: pyproject.toml constraints/edge.txt constraints/build.txt constraints/photos.txt
	@echo "installing what the device needs into $(VENV) (a minute or two)"
	$(python_fits)
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV_OPTIONS) $(VENV)
	$(VENV)/bin/python $(PIP) install -q --no-compile --require-hashes \
		-r constraints/build.txt -r constraints/edge.txt
	$(VENV)/bin/python $(PIP) install -q --no-deps --no-build-isolation -e .
	$(call photos,$(VENV))
	$(VENV)/bin/python $(PIP) uninstall -q -y setuptools pip
	$(VENV)/bin/maskgate check >/dev/null
	@touch $@

# What tests, training and conversion need.
$(DEV)/ready: pyproject.toml constraints/dev.txt constraints/photos.txt
	@echo "installing what tests and training need into $(DEV) (some minutes, 2.5 GB)"
	$(python_fits)
	test -d $(DEV) || $(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python $(PIP) install -q --require-hashes -r constraints/dev.txt
	$(DEV)/bin/python $(PIP) install -q --no-deps --no-build-isolation -e .
	$(call photos,$(DEV))
	@touch $@

# What the machine that flashes needs.
$(FLASH)/ready: pyproject.toml constraints/flash.txt constraints/build.txt constraints/photos.txt
	@echo "installing what flashing needs into $(FLASH) (a minute or two)"
	$(python_fits)
	test -d $(FLASH) || $(PYTHON) -m venv $(FLASH)
	$(FLASH)/bin/python $(PIP) install -q --require-hashes -r constraints/build.txt -r constraints/flash.txt
	$(FLASH)/bin/python $(PIP) install -q --no-deps --no-build-isolation -e .
	$(call photos,$(FLASH))
	@touch $@

# What training needs on a machine with a GPU.
.venv-gpu/ready: pyproject.toml constraints/gpu.txt constraints/build.txt
	@echo "installing what training on a GPU needs into .venv-gpu (some minutes, 6 GB)"
	$(python_fits)
	test -d .venv-gpu || $(PYTHON) -m venv .venv-gpu
	.venv-gpu/bin/python $(PIP) install -q --require-hashes -r constraints/build.txt -r constraints/gpu.txt
	.venv-gpu/bin/python $(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

# For the tests: the device with tflite-runtime, which has wheels up to Python 3.11.
.venv-legacy/ready: pyproject.toml constraints/legacy.txt constraints/build.txt
	$(python_fits)
	@rm -rf .venv-legacy
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] > (3, 11))" || \
	{ echo "tflite-runtime has no wheel for $$($(PYTHON) -V): it is left out of the tests; with" \
		"PYTHON=python3.11 it is not"; exit 0; }; \
	echo "installing tflite-runtime, to test with it, into .venv-legacy"; \
	$(PYTHON) -m venv .venv-legacy; \
	.venv-legacy/bin/python $(PIP) install -q --require-hashes \
		-r constraints/build.txt -r constraints/legacy.txt; \
	.venv-legacy/bin/python $(PIP) install -q --no-deps --no-build-isolation -e .; \
	touch $@

# For the tests: a GPU in software (Google's SwiftShader), as a package of npm brings it along.
SWIFTSHADER := $(DEV)/share/maskgate/swiftshader
swiftshader: $(DEV)/ready
	@test -e $(SWIFTSHADER)/ready || $(DEV)/bin/python tests/swiftshader.py $(SWIFTSHADER)

# For the tests: cloud-init's schemas and netplan, unpacked and not installed, to try what a device
# finds at its first boot.
FIRST_BOOT := $(DEV)/share/maskgate/first-boot
first-boot: $(DEV)/ready
	@test -e $(FIRST_BOOT)/ready || $(DEV)/bin/python tests/first_boot.py $(FIRST_BOOT)

# The demo's two public-domain photos are data of packages that a device has no other use for.
define photos
mkdir -p $(1)/share/maskgate/photos
$(1)/bin/python $(PIP) download -q --no-deps --only-binary=:all: --require-hashes \
	-r constraints/photos.txt -d $(1)/wheels
$(1)/bin/python -c "import pathlib, zipfile; \
	photos = ('skimage/data/astronaut.png', 'matplotlib/mpl-data/sample_data/grace_hopper.jpg'); \
	target = pathlib.Path('$(1)/share/maskgate/photos'); \
	[(target / pathlib.Path(name).name).write_bytes(wheel.read(name)) \
	 for wheel in map(zipfile.ZipFile, pathlib.Path('$(1)/wheels').glob('*.whl')) \
	 for name in photos if name in wheel.namelist()]"
rm -rf $(1)/wheels
endef

# Debian's packages for the tests, where this user may install them; without mosquitto the embedded
# broker takes its place, without a browser nobody looks at the live view.
mosquitto:
	@command -v mosquitto mosquitto_sub >/dev/null || test -x /usr/sbin/mosquitto || \
	{ $(call debian,mosquitto mosquitto-clients); }

# Debian starts what it installs, and nobody asked for brokers of this machine's own.
brokers:
	@PATH="$$PATH:/usr/sbin:/sbin"; for each in $(CLUSTER)-server haproxy; do \
		command -v $$each >/dev/null || { $(call debian,$$each); test ! -d /run/systemd/system || \
		$$(test "$$(id -u)" = 0 || echo sudo -n) systemctl disable --quiet --now $$each || true; }; done

# To boot what was flashed.
emulator:
	@PATH="$$PATH:/usr/sbin:/sbin"; \
	for tool in mmdebstrap qemu-system-aarch64 mcopy fsck.fat sfdisk mke2fs depmod systemd-sysusers ssh; do \
		command -v $$tool >/dev/null || missing=1; done; test -z "$${missing:-}" || \
	{ $(call debian,mmdebstrap qemu-system-arm mtools dosfstools fdisk e2fsprogs kmod systemd openssh-client); }

chromium:
	@command -v chromium chromedriver >/dev/null || { $(call debian,chromium chromium-driver); }

# What reads and edits images; over ssh nothing of it is needed.
image-tools:
	@PATH="$$PATH:/usr/sbin:/sbin"; test -z "$${IMAGE:-}" || \
	{ command -v mcopy && command -v fsck.fat && command -v debugfs; } >/dev/null || \
	{ $(call debian,mtools dosfstools e2fsprogs); }

# To deploy to; Debian starts what it installs.
sshd:
	@test -x /usr/sbin/sshd || { $(call debian,openssh-server openssh-client); \
		test ! -d /run/systemd/system || $$(test "$$(id -u)" = 0 || echo sudo -n) systemctl disable --quiet --now ssh || true; }

# What tests do with images.
image-test-tools:
	@PATH="$$PATH:/usr/sbin:/sbin"; for program in mcopy fsck.fat debugfs sfdisk losetup shellcheck; do \
		command -v $$program; done | wc -l | grep -qx 6 || \
	{ $(call debian,mtools dosfstools e2fsprogs fdisk mount shellcheck); }

# Unpacks arm64 systems, whose Python runs what a Raspberry Pi is to run.
mmdebstrap:
	@command -v mmdebstrap >/dev/null || { $(call debian,mmdebstrap); }

define debian
if command -v apt-get >/dev/null && { test "$$(id -u)" = 0 || sudo -n true 2>/dev/null; }; then \
	echo "installing $(1)"; \
	$$(test "$$(id -u)" = 0 || echo sudo -n) sh -c "apt-get update -qq && apt-get install -y -qq $(1)" >/dev/null; \
else echo "$(1): not installed, and this user may not install it; some tests do without"; fi
endef
