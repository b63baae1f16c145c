#!/bin/sh
# The table of docs/results.md: film-roberta-mini on SST-2 with 16 examples a class, 2,000 forwards a run.
# Needs the data sets beside the repository. Usage: sh examples/sst2-16shot.sh OUTPUT; NODE_ZEST names another build.
set -eu
output=$1
zest=${NODE_ZEST:-$(dirname "$0")/../dist/cli/main.js}
kshot=../shared/data/kshot16/sst2

# run NAME SPLIT [--set …]
run() {
  name=$1 split=$2
  shift 2
  [ -f "$output/$name/summary.json" ] || node "$zest" train "$(dirname "$0")/sst2-16shot.yaml" --overwrite \
    --set data.train=$kshot/$split/train.jsonl --set data.validation=$kshot/$split/validation.jsonl \
    --set output="$output/$name" "$@" 2> "$output/$name.log"
}

# Learning rates chosen on split 13 by validation loss after the last step, among 1e-5, 3e-5, 1e-4 and 3e-4.
mezo='--set optimizer.method=mezo --set training.steps=1000 --set training.evaluateEvery=500'
mkdir -p "$output"
for split in ${SPLITS:-13 21 42 87 100}; do
  for rate in ${MEZO_RATES-3.0e-5}; do
    # shellcheck disable=SC2086
    run "mezo-$rate-$split" "$split" $mezo --set optimizer.learningRate="$rate"
  done
  for rate in ${ZEST_RATES-1.0e-4}; do
    run "zest-t1-$rate-$split" "$split" --set optimizer.tilt=1 --set optimizer.learningRate="$rate"
    run "zest-tau1-$rate-$split" "$split" --set 'optimizer.tilt={tau: 1}' --set optimizer.learningRate="$rate"
  done
done
