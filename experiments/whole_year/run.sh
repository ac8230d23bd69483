#!/usr/bin/env bash
# A whole year of an authority on a simulated city, by the command line alone:
#   simulate, night with training, publish the frames, draw, verify, replace who has closed, enter who came, inspect,
#   read the results back, and a year later: train on them too, frame and draw again.
#
#   experiments/whole_year/run.sh [OUT] [SUBJECTS]
set -euo pipefail
out=${1:-year} subjects=${2:-20000}
here=$(cd "$(dirname "$0")/../.." && pwd)
project=$here/configs/yongzhou
cs() { echo "\$ creditscore $*" >&2; creditscore "$@"; }

rm -rf "$out" && mkdir -p "$out"
# Records up to the end of the second year; what is not known yet on a day is not seen on it.
cs simulate --out "$out/city" --subjects "$subjects" --months 48 --end 2025-04-30 --seed 7
data=$out/city/data runs=$out/runs

# --- spring 2024: the night trains, scores, tiers and frames the tasks due; it draws nothing.
cs run "$project" --train --data "$data" --as-of 2024-04-30 --out "$runs" --lang en
first=$runs/2024-04-30
# The frame hashes go out before anybody knows the lottery; then the one draw of each frame.
for plan in "$first"/plan/*; do
  hash=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["frame_hash"])' "$plan/manifest.json")
  cs draw "$plan" --seed "lottery 2024-05-01: 03 08 17 21" --on 2024-05-01 --lang en
  cs verify-plan "$plan" --frame-hash "$hash"
done

# --- a month later: the register knows who has closed and who is new.
cs run "$project" --train --data "$data" --as-of 2024-05-31 --out "$runs" --lang en
for plan in "$first"/plan/*; do
  cs plan replace "$plan" --closed-in "$runs/2024-05-31" --by "planner" --on 2024-05-31
  cs plan join "$plan" --run "$runs/2024-05-31" --by "planner" --on 2024-05-31
  cs verify-plan "$plan"
done

# --- inspectors fill in the workbook (here: what the city's truth says they find), and it is read back.
cs simulate-visits "$first" --truth "$out/city/truth" --file "$out/filled.xlsx"
cs results "$first" "$out/filled.xlsx" --known 2024-07-05 --data "$data" --lang en

# --- spring 2025: the results are labels with their probabilities; cards are trained with them, and the year begins anew.
cs run "$project" --train --data "$data" --as-of 2025-04-30 --out "$runs" --lang en
for plan in "$runs"/2025-04-30/plan/*; do
  cs draw "$plan" --seed "lottery 2025-05-01: 01 09 14 30" --on 2025-05-01 --lang en
  cs verify-plan "$plan"
done
cs monitor "$runs/2025-04-30" --reference "$first"
