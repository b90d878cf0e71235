#!/usr/bin/env bash
# Writes the parts of the documents that are made by the tool: the tables of patterns and facts, the pages of the
# patterns, and the outputs that README.md and docs/*.md paste between markers.
set -euo pipefail
cd "$(dirname "$0")/.."

UPDATE_DOCS=1 cargo test --quiet --test docs -- --test-threads 1 >/dev/null
cargo build --release --quiet
tool=$PWD/target/release/postmortem
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# paste FILE MARKER: standard input, fenced, goes between the lines of this marker.
paste_into() {
    local file=$1 marker=$2
    cat >"$scratch/text"
    [ -s "$scratch/text" ] || { echo "refresh: nothing to paste for '$marker'" >&2; exit 1; }
    awk -v open="<!-- $marker -->" -v close_="<!-- end of $marker -->" -v text="$scratch/text" '
        $0 == open {
            print; print "```text"
            while ((getline line < text) > 0) { sub(/[ \t]+$/, "", line); print line }
            print "```"; found = inside = 1; next
        }
        $0 == close_ { inside = 0 }
        !inside { print }
        END { exit !found }
    ' "$file" >"$scratch/new" || { echo "refresh: $file has no marker '$marker'" >&2; exit 1; }
    cat "$scratch/new" >"$file"
}

# Every `<!-- output of postmortem ... -->` names the command whose output it holds.
for file in README.md docs/*.md; do
    sed -n 's/^<!-- output of postmortem \(.*\) -->$/\1/p' "$file" >"$scratch/commands"
    while read -r command; do
        # A report goes to the scratch folder, not into the tree.
        extra=()
        case $command in analyze*) extra=(--color never --out "$scratch/report") ;; esac
        read -ra words <<<"$command"
        COLUMNS=100 "$tool" "${words[@]}" ${extra[@]+"${extra[@]}"} </dev/null | paste_into "$file" "output of postmortem $command"
    done <"$scratch/commands"
done
git --no-pager diff --stat -- README.md docs
