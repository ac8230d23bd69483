#!/usr/bin/env bash
# A whole year of an authority on a simulated city, by the command line alone:
#   simulate, train, sign the cards, night, publish the frames, lose a key and void its frame, draw, verify, prove, replace who
#   has closed, enter who came, inspect, read the results back, correct one, close the tasks and tell their lists, send the export
#   to auditors, and a year later: train on the results too, sign, frame and draw again. What must be refused is tried, too.
#
#   experiments/whole_year/run.sh [OUT] [SUBJECTS]
set -euo pipefail
out=${1:-year} subjects=${2:-20000}
here=$(cd "$(dirname "$0")/../.." && pwd)
cs() { echo "\$ creditscore $*" >&2; creditscore "$@"; }
refused() { # whatever is refused: the year stops where it is not
  if cs "$@" > "$out/refused.txt" 2>&1; then echo "expected to be refused: $*" >&2; exit 1; fi
}
# A firm of a task for which a test holds (a Python expression of the row of sample.csv), and the hashes that are told.
firm() { python -c 'import csv, sys; print(next(row["subject_id"] for row in csv.DictReader(open(sys.argv[1], encoding="utf-8-sig")) if row["drawn"] == sys.argv[2]))' "$1/sample.csv" "$2"; }
frame_hash() { python -c 'import json, sys; print(json.load(open(sys.argv[1]))["frame_hash"])' "$1/manifest.json"; }
draw_root() { python -c 'import json, sys; print([line for line in map(json.loads, open(sys.argv[1])) if line["what"] == "drawn"][-1]["strata"])' "$1/log.jsonl"; }

rm -rf "$out" && mkdir -p "$out"
# Records up to the end of the second year; what is not known yet on a day is not seen on it.
cs simulate --out "$out/city" --subjects "$subjects" --months 48 --end 2025-04-30 --seed 7
verifier=$here/creditscore/inspection/verify_draw.py
data=$out/city/data runs=$out/runs tasks=$out/runs/tasks project=$out/project
cp -R "$here/configs/yongzhou" "$project"
night() { cs run "$project" --data "$data" --as-of "$1" --out "$runs" --lang en; }

# Cards are trained in a trial, which is in force for nobody; somebody signs them; then the night scores with them.
train_and_sign() { # DAY
  cs train "$project" --data "$data" --as-of "$1" --out "$runs" --lang en
  cs sign-cards "$project" --run "$runs/$1" --reviewer "head of the office" --on "$1"
}

# The frame hashes go out before anybody knows the lottery that tasks.toml declares.
publish() { # TASKS DAY CHANNEL
  for task in "$tasks"/$1; do
    cs plan publish "$task" --on "$2" --channel "$3" --by planner --lang en
  done
}

# The one draw of each frame, with what the lottery gave: no other text, and no second one. Auditors have the key; two firms, one
# drawn and one not, ask for their own proofs and check them against what was told.
draw() { # TASKS SEED
  for task in "$tasks"/$1; do
    hash=$(frame_hash "$task")
    refused draw "$task" --seed "my lucky number" --by planner
    cs draw "$task" --seed "$2" --by planner --lang en
    refused draw "$task" --seed "01 02 03 04 05 06 + 07" --by planner
    cs verify-plan "$task" --frame-hash "$hash" --outcome "$2"
    refused verify-plan "$task" --frame-hash "$hash" --outcome "01 02 03 04 05 06 + 07"
    for drawn in 0 1; do
      cs prove "$task" "$(firm "$task" $drawn)" --file "$out/proof.json" --html "$out/proof.html" --lang en > "$out/proof.txt"
      python "$verifier" "$out/proof.json" --proof --frame-hash "$hash" --draw-root "$(draw_root "$task")"
    done
  done
}

# --- spring 2024
train_and_sign 2024-04-30
night 2024-04-30
publish "2024Q2-*" 2024-04-30 "gazette 12"
# A key is lost: its frame can be neither drawn nor proved. Two persons void it; its successor is told before the seed is known.
rm "$runs/keys/2024Q2-safety"
refused draw "$tasks/2024Q2-safety" --seed "03 08 17 21 26 32 + 09" --by planner
lost=(--reason "key lost" --by planner --second "head of the office")
refused plan void "$tasks/2024Q2-safety" "${lost[@]}" --on 2020-01-01
cs plan void "$tasks/2024Q2-safety" "${lost[@]}" --on 2024-05-01
refused plan publish "$tasks/2024Q2-safety" --on 2024-04-30 --channel "gazette 13" --by planner
publish "2024Q2-safety" 2024-05-01 "gazette 13"
draw "2024Q2-*" "03 08 17 21 26 32 + 09"

# --- a month later: the register knows who has closed and who is new.
night 2024-05-31
for task in "$tasks"/2024Q2-*; do
  cs plan replace "$task" --closed-in "$runs/2024-05-31" --by planner --second "head of the office" --on 2024-05-31
  cs plan join "$task" --run "$runs/2024-05-31" --by planner --on 2024-05-31
  cs verify-plan "$task"
done

# --- inspectors fill in the workbooks (here: what the city's truth says they find), and they are read back.
for task in "$tasks"/2024Q2-*; do
  cs simulate-visits "$task" --truth "$out/city/truth" --file "$out/filled.xlsx"
  cs results "$task" "$out/filled.xlsx" --known 2024-07-05 --data "$data" --lang en
done

# --- an inspector had ticked the wrong box: both versions are kept, and reason and person with them.
python "$here/experiments/whole_year/wrong_box.py" "$out/filled.xlsx" "$out/corrected.xlsx"
refused results "$task" "$out/corrected.xlsx" --known 2024-07-08 --data "$data"
refused results "$task" "$out/corrected.xlsx" --known 2024-07-08 --data "$data" --correct --reason "wrong box ticked" --by planner
cs results "$task" "$out/corrected.xlsx" --known 2024-07-08 --data "$data" --correct --reason "wrong box ticked" --evidence "inspection record 12" \
  --by planner --second "head of the office" --lang en

# --- the tasks are closed: replaced, come and late ones are told together. Auditors redraw the export with the one file alone.
for task in "$tasks"/2024Q2-*; do
  refused plan close "$task" --by planner --on 2024-07-04
  cs plan close "$task" --by planner --on 2024-07-10
  cs plan log "$task" --lang en
  cs plan export "$task" --out "$out/auditors" --rows 1000 --with-key --lang en
  python "$verifier" "$out/auditors/tasks/$(basename "$task")" --frame-hash "$(frame_hash "$task")"
done

# --- how often the lists show who came for whom.
python "$here/experiments/whole_year/plain_pairs.py" "$tasks"

# --- spring 2025: the results are labels with their probabilities; cards are trained with them, and the year begins anew.
train_and_sign 2025-04-30
night 2025-04-30
publish "2025Q2-*" 2025-04-30 "gazette 11"
draw "2025Q2-*" "01 09 14 20 28 30 + 16"
cs monitor "$runs/2025-04-30" --reference "$runs/2024-04-30"
