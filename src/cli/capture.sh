# What a sick process can still tell, gently: nothing is installed, no process is changed, every file is bounded. It
# ends in one archive for `postmortem analyze`. Read it before you run it.
#
# Environment: OUT, name of the folder and the archive; PAUSE, seconds between samples; URL, base of the admin port
# (http://127.0.0.1:6060) where it is not found by itself; JAVA_HISTOGRAM=1 for a class histogram (it walks the heap).

SAMPLES=$((MINUTES * 4))     # one each 15 seconds
[ "$SAMPLES" -ge 2 ] || SAMPLES=2
PAUSE=${PAUSE:-15}
MOST_BYTES=67108864          # of one file
MOST_GOROUTINES=10000        # above, only the grouped dump is taken: the full one stops the world for long
OUT=${OUT:-postmortem-$(date -u +%Y%m%dT%H%M%SZ)}
URL=${URL:-}

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
stamp() { date -u +%Y%m%dT%H%M%SZ; }
say() { echo "capture: $*" >&2; }

# Runs a command where the process is.
if [ -n "$POD" ]; then
    on() { kubectl exec ${NAMESPACE:+-n "$NAMESPACE"} "$POD" ${CONTAINER:+-c "$CONTAINER"} -- sh -c "$1" 2>/dev/null; }
else
    on() { sh -c "$1" 2>/dev/null; }
fi

# Keeps what kubectl prints in a file: ask FILE ARGUMENT...
ask() {
    file=$OUT/$1
    shift
    kubectl "$@" ${NAMESPACE:+-n "$NAMESPACE"} </dev/null 2>/dev/null | head -c "$MOST_BYTES" >"$file"
    [ -s "$file" ] || rm -f "$file"
}

# Keeps what a command prints in a file: keep FILE COMMAND. Nothing printed, no file.
keep() {
    on "$2" </dev/null | head -c "$MOST_BYTES" >"$OUT/$1"
    [ -s "$OUT/$1" ] || rm -f "$OUT/$1"
}

# Adds a sample of each command to a file, under the time and the command, all at one go: sample FILE COMMAND...
sample() {
    file=$OUT/$1 time=$(now) all=
    shift
    for command in "$@"; do
        all="$all out=\$($command | head -c 1048576); [ -n \"\$out\" ] && printf '=== %s ===\\n$ %s\\n%s\\n' $time '$command' \"\$out\";"
    done
    on "$all" </dev/null >>"$file"
    [ -s "$file" ] || rm -f "$file"
}

# Prints a page of the process's own HTTP port.
fetch() { echo "curl -sf -m 60 '$URL$1' || wget -q -T 60 -O - '$URL$1'"; }

# --- who it is -------------------------------------------------------------------------------------------------------

if [ -z "$PID" ] && [ -z "$POD" ]; then
    say "give --pid or --pod"
    exit 2
fi
PID=${PID:-1}
if ! on "test -d /proc/$PID" </dev/null; then
    say "there is no process $PID${POD:+ in $POD}"
    exit 2
fi
mkdir -p "$OUT" || exit 2
say "process $PID${POD:+ in $POD}, $SAMPLES samples in about $MINUTES min, into $OUT"

EXE=$(on "readlink /proc/$PID/exe" </dev/null)
# A Go binary says so: SIGQUIT would end it, and it may have an admin port.
case $EXE in
    */java) RUNTIME=java ;;
    */python*) RUNTIME=python ;;
    *) RUNTIME=other ;;
esac

# The ports that the process itself listens on, with its sockets from /proc: no ss or lsof is needed.
ports() {
    on "own=\" \$(ls -l /proc/$PID/fd | sed -n 's/.*socket:\[\([0-9]*\)\].*/\1/p' | tr '\n' ' ')\"; cat /proc/$PID/net/tcp /proc/$PID/net/tcp6 | while read -r _ local _ state _ _ _ _ _ inode _; do [ \"\$state\" = 0A ] && case \"\$own\" in *\" \$inode \"*) echo \"\${local##*:}\" ;; esac; done" </dev/null | sort -u
}

if [ -z "$URL" ]; then
    for hex in $(ports); do
        URL=http://127.0.0.1:$((0x$hex))
        on "$(fetch /debug/pprof/)" </dev/null | grep -q goroutine && break
        on "$(fetch /metrics)" </dev/null | grep -q '^# TYPE' && break
        URL=
    done
fi
[ -n "$URL" ] && say "admin port: $URL"

# The folder of its control group: version 2 has one, version 1 one for each controller.
group() { on "sed -n 's/^[0-9]*:$1:\(.*\)/\1/p' /proc/$PID/cgroup | head -n 1" </dev/null; }
V2=/sys/fs/cgroup$(group '')
on "test -f '$V2/memory.current'" </dev/null || V2=/sys/fs/cgroup
V1=/sys/fs/cgroup/memory$(group '[a-z,]*memory[a-z,]*')
on "test -f '$V1/memory.stat'" </dev/null || V1=/sys/fs/cgroup/memory
C1=/sys/fs/cgroup/cpu$(group '[a-z,]*cpu[a-z,]*')
on "test -f '$C1/cpu.stat'" </dev/null || C1=/sys/fs/cgroup/cpu

# --- once ------------------------------------------------------------------------------------------------------------

# The kernel speaks of the whole machine: its log is kept only where it names this process.
COMM=$(on "cat /proc/$PID/comm" </dev/null)
kernel_log() {
    keep dmesg.txt 'dmesg | tail -n 5000'
    grep -qF -e "($COMM)" -e "task $COMM:" -e "$COMM[" "$OUT/dmesg.txt" 2>/dev/null || rm -f "$OUT/dmesg.txt"
}

keep environ.txt "tr '\\0' '\\n' </proc/$PID/environ | grep -E '^(GOGC|GOMEMLIMIT|GOMAXPROCS|GODEBUG|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|MALLOC_[A-Z_]*)='"
kernel_log
if [ -n "$POD" ]; then
    ask describe-pod.txt describe pod "$POD"
    for last in '' --previous; do
        ask "pod$last.log" logs "$POD" ${CONTAINER:+-c "$CONTAINER"} $last --timestamps --tail=200000
    done
fi

# --- dumps: at the start, in the middle and at the end ------------------------------------------------------------------

dump() {
    at=$(stamp)
    if [ -n "$URL" ]; then
        keep "goroutine-debug1-$at.txt" "$(fetch '/debug/pprof/goroutine?debug=1')"
        total=$(sed -n '1s/goroutine profile: total \([0-9]*\).*/\1/p' "$OUT/goroutine-debug1-$at.txt" 2>/dev/null)
        if [ "${total:-0}" -gt "$MOST_GOROUTINES" ]; then
            say "$total goroutines: no full dump"
        elif [ -n "$total" ]; then
            keep "goroutine-$at.txt" "$(fetch '/debug/pprof/goroutine?debug=2')"
        fi
        [ -n "$total" ] && keep "heap-$at.pb.gz" "$(fetch /debug/pprof/heap)"
    fi
    case $RUNTIME in
        java)
            if on 'command -v jcmd' </dev/null >/dev/null; then
                keep "jstack-$at.txt" "jcmd $PID Thread.print -l"
                keep "heap_info-$at.txt" "jcmd $PID GC.heap_info"
                keep "nmt-$at.txt" "jcmd $PID VM.native_memory summary | sed -n '/^Native Memory Tracking/,\$p'"
                [ -n "${JAVA_HISTOGRAM:-}" ] && keep "histo-$at.txt" "jcmd $PID GC.class_histogram -all"
            else
                # The virtual machine prints its threads into its own log.
                on "kill -3 $PID" </dev/null
            fi
            ;;
        python) keep "pyspy-$at.json" "py-spy dump --json --pid $PID" ;;
        *)
            # A debugger stops the process while it reads: only where nothing gentler answers.
            [ -f "$OUT/goroutine-debug1-$at.txt" ] || keep "gdb-$at.txt" "timeout 30 gdb -p $PID -batch -ex 'thread apply all bt'"
            ;;
    esac
}

# --- samples ---------------------------------------------------------------------------------------------------------

round() {
    sample status.log "cat /proc/$PID/status"
    sample fds.log "ls -l /proc/$PID/fd | head -n 20000"
    set --
    for file in memory.current memory.max memory.high memory.events memory.stat memory.pressure pids.current pids.max; do
        set -- "$@" "cat $V2/$file"
    done
    for file in memory.usage_in_bytes memory.limit_in_bytes memory.failcnt memory.oom_control memory.stat; do
        set -- "$@" "cat $V1/$file"
    done
    sample cgroup.log "$@"
    sample cpu.log "cat $V2/cpu.stat" "cat $C1/cpu.stat" "cat $V2/cpu.max"
    sample pressure.log 'cat /proc/pressure/cpu' 'cat /proc/pressure/io'
    if [ -n "$URL" ]; then
        set -- "$(on "$(fetch /metrics)" </dev/null | head -c 8388608)"
        [ -n "$1" ] && printf '# scrape %s\n%s\n' "$(now)" "$1" >>"$OUT/metrics.txt"
    fi
}

dump
nth=1
while [ "$nth" -le "$SAMPLES" ]; do
    round
    [ "$nth" -eq $(((SAMPLES + 1) / 2)) ] && dump
    # What is already there is worth more than the rest of a long run.
    [ "$(du -sk "$OUT" | cut -f 1)" -gt 1048576 ] && say "1 GiB captured: that is enough" && break
    [ "$nth" -lt "$SAMPLES" ] && sleep "$PAUSE"
    on "test -d /proc/$PID" </dev/null || { say "the process ended"; break; }
    nth=$((nth + 1))
done
dump
kernel_log

tar -czf "$OUT.tar.gz" "$OUT" && rm -rf "$OUT" && say "wrote $OUT.tar.gz" && echo "$OUT.tar.gz"
