#!/usr/bin/env bash
# Measures folding and analysing of a large perf script text against inferno and gzip, side by side in one run.
#
#   benches/profiles.sh [PERF_SCRIPT_TEXT]
#
# Without a file it records one: perf record -F 4999 -g -a over a build of inferno. Needs cargo, perf, gzip, GNU time
# (Debian: linux-perf, gzip, time). Peers come from crates.io. Prints Markdown for docs/benchmarks.md.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
scratch=${SCRATCH:-$(mktemp -d)}
mkdir -p "$scratch"
peers="$scratch/peers"
runs=${RUNS:-3}

cargo build --release --quiet --manifest-path "$root/Cargo.toml"
ours="${CARGO_TARGET_DIR:-$root/target}/release/postmortem"
text=${1:-$scratch/perf.script}
if [ ! -s "$text" ]; then
    perf record -q -F 4999 -g -a -o "$scratch/perf.data" -- \
        cargo install --quiet inferno --version 0.12.8 --root "$peers" --target-dir "$scratch/target"
    perf script -i "$scratch/perf.data" >"$text"
fi
[ -x "$peers/bin/inferno-collapse-perf" ] || cargo install --quiet inferno --version 0.12.8 --root "$peers"
collapse="$peers/bin/inferno-collapse-perf"
flamegraph="$peers/bin/inferno-flamegraph"
archive="$scratch/perf.tar.gz"
tar -czf "$archive" -C "$(dirname "$text")" "$(basename "$text")"
small="$scratch/small.script"
head -c 5000000 "$text" >"$small"

# Prints "wall cpu kilobytes" of the quickest of some runs.
measure() {
    for _ in $(seq "$runs"); do
        env time -f '%e %U %S %M' -o "$scratch/time" bash -c "$1" >/dev/null 2>&1
        awk '{ print $1, $2 + $3, $4 }' "$scratch/time"
    done | sort -n | head -n 1
}

row() { # name, command, reference wall, reference cpu
    local wall cpu memory
    read -r wall cpu memory < <(measure "$2")
    last_wall=$wall last_cpu=$cpu
    awk -v n="$1" -v w="$wall" -v c="$cpu" -v m="$memory" -v rw="${3:-$wall}" -v rc="${4:-$cpu}" \
        'BEGIN { printf "| %s | %.2f | %.2f | %d | %.1f | %.1f |\n", n, w, c, m / 1024, rw / (w + 1e-9), rc / (c + 1e-9) }'
}

"$collapse" -q "$text" >"$scratch/inferno.folded"
"$ours" fold --compat inferno "$text" >"$scratch/ours.folded"
cmp "$scratch/inferno.folded" "$scratch/ours.folded"

echo "$(stat -c %s "$text") bytes, $(wc -l <"$text") lines, $(wc -l <"$scratch/ours.folded") distinct stacks;" \
    "$(nproc) cores ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)); load $(cut -d' ' -f1 /proc/loadavg)." \
    "Quickest of $runs runs. Folded text of both is the same to the byte."
echo
echo "| | wall s | CPU s | peak MiB | wall: times as fast | CPU: times as fast |"
echo "|---|---|---|---|---|---|"
row "inferno-collapse-perf -n 1" "'$collapse' -q -n 1 '$text'"
wall=$last_wall cpu=$last_cpu
row "inferno-collapse-perf -n 2" "'$collapse' -q -n 2 '$text'" "$wall" "$cpu"
two=$last_wall two_cpu=$last_cpu
row "fold --compat inferno, one thread" "RAYON_NUM_THREADS=1 '$ours' fold --compat inferno '$text'" "$wall" "$cpu"
row "fold --compat inferno, two threads (against -n 2)" "RAYON_NUM_THREADS=2 '$ours' fold --compat inferno '$text'" "$two" "$two_cpu"
row "fold (every sample)" "'$ours' fold '$text'" "$wall" "$cpu"
echo
echo "| | wall s | CPU s | peak MiB | wall: times as fast | CPU: times as fast |"
echo "|---|---|---|---|---|---|"
row "gzip -dc, archive" "gzip -dc '$archive'"
wall=$last_wall cpu=$last_cpu
row "tar xzO, inferno-collapse-perf, inferno-flamegraph" \
    "tar xzOf '$archive' | '$collapse' -q | '$flamegraph'" "$wall" "$cpu"
row "analyze, archive: report, folded text, flame graphs" "'$ours' analyze '$archive' --out '$scratch/out'" "$wall" "$cpu"
row "wc -l (floor: the lines alone)" "wc -l '$text'" "$wall" "$cpu"
row "analyze, the first 5 MB" "'$ours' analyze '$small' --out '$scratch/out'" "$wall" "$cpu"
