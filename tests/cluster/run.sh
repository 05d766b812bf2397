#!/usr/bin/env bash
# The demo batch through a real Slurm on this machine: every result has the bytes of a local run.
# Run by `make test-cluster`, which makes the demo data first. PYTHON: the environment's interpreter.
set -euo pipefail

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
slurm="$repository/../shared/tools/slurm_up.sh"
python="${PYTHON:?name the interpreter that has chc_gating, snakemake and the Slurm plugin}"

if [[ ! -x "$slurm" ]]; then
  echo "SKIPPED: no single-node Slurm is beside this checkout ($slurm)"
  exit 0
fi
if [[ "$(id -u)" != 0 ]]; then
  echo "SKIPPED: starting Slurm needs root"
  exit 0
fi

conf=/etc/slurm/slurm.conf
if [[ -e "$conf" ]] && ! grep -q '^ClusterName=test$' "$conf"; then
  echo "SKIPPED: this machine has a Slurm of its own ($conf), which stays as it is"
  exit 0
fi

work="$(mktemp -d)"
finish() {
  "$slurm" down >/dev/null 2>&1 || true
  # Without its daemons every start of Snakemake's Slurm plugin would wait ten seconds for them.
  rm -f "$conf"
  rm -rf "$work"
}
trap finish EXIT

for run in local slurm; do
  mkdir "$work/$run"
  cp -r "$repository/config" "$work/$run/config"
  ln -s "$repository/data" "$work/$run/data"
done

echo "== local run"
"$python" -m snakemake -s "$repository/Snakefile" --directory "$work/local" --cores all --quiet rules

echo "== bringing Slurm up"
"$slurm" up

# Snakemake starts inside an allocation, as it should on a cluster. The log of every submitted job
# is kept, to see below which rules were submitted. The rules of slides ask for hours, more than
# this test's partition grants (a job that asks for more waits for ever), and need seconds here.
echo "== the same batch through Slurm"
timeout 900 salloc --ntasks=1 --cpus-per-task=2 --time=30 \
  "$python" -m snakemake -s "$repository/Snakefile" --directory "$work/slurm" \
  --profile "$repository/workflow/profiles/slurm" --local-cores 2 --latency-wait 10 \
  --slurm-init-seconds-before-status-checks 5 --slurm-keep-successful-logs \
  --set-resources segment:runtime=10 measure:runtime=10 gate_image:runtime=10 --quiet rules

echo "== comparing"
submitted="$(cd "$work/slurm/.snakemake/slurm_logs" && ls -d rule_* | sed 's/^rule_//' | sort | xargs)"
if [[ "$submitted" != "gate_image measure segment" ]]; then
  echo "FAILED: the rules of slides should be submitted, and no others; submitted: $submitted" >&2
  exit 1
fi
if ! diff -r "$work/local/results" "$work/slurm/results"; then
  echo "FAILED: results differ between the local run and Slurm (listed above)" >&2
  exit 1
fi
rows="$(($(wc -l < "$work/slurm/results/batch/counts.tsv") - 1))"
echo "PASSED: $rows rows of counts.tsv, and every other result, equal byte by byte;" \
  "submitted rules: $submitted"
