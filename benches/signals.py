#!/usr/bin/env python3
"""Measures how fast logs of metrics and of Go's runtime are read, beside peers on the same files in the same run.

Usage: signals.py [--megabytes 200] [--runs 3] [--bin target/release/postmortem] [--folder DIR]

The files are real samples again and again: only times and counters go on. A scrape log is
`samples/prometheus/go-client`, a trace is `samples/go-gctrace/go1.27` with `samples/go-schedtrace/schedtrace-go1.27`.
Each reader runs on one core; what is printed is its CPU time, user and system, the least of the runs.
"""
import argparse
import datetime
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PEER = """
import sys
from prometheus_client.parser import text_string_to_metric_families
count, scrape = 0, []
def flush():
    global count
    count += sum(len(family.samples) for family in text_string_to_metric_families("".join(scrape)))
    scrape.clear()
for line in open(sys.argv[1]):
    if line.startswith("# scrape "):
        flush()
    else:
        scrape.append(line)
flush()
print(count)
"""


def scrapes(path, wanted):
    """A scrape every 15 seconds; each number that has more than three digits goes up by what it is in a thousand."""
    sample = (REPOSITORY / "samples/prometheus/go-client/metrics.prom").read_text()
    sample = sample[sample.index("# HELP"):]
    value = re.compile(r"(?m)^([a-z_]+(?:\{[^}]*\})?) (\d{4,}(?:\.\d+)?(?:e\+\d+)?)$")
    began, written, turn = datetime.datetime(2026, 11, 1), 0, 0
    with open(path, "w") as out:
        while written < wanted:
            at = (began + datetime.timedelta(seconds=15 * turn)).strftime("%Y-%m-%dT%H:%M:%SZ")
            grown = value.sub(lambda m: f"{m[1]} {float(m[2]) * (1 + turn / 1000):.6e}", sample)
            written += out.write(f"# scrape {at}\n{grown}")
            turn += 1


def trace(path, wanted):
    gc = (REPOSITORY / "samples/go-gctrace/go1.27/stderr.log").read_text()
    gc = [line for line in gc.splitlines() if line.startswith("gc ")]
    sched = (REPOSITORY / "samples/go-schedtrace/schedtrace-go1.27/stderr.log").read_text().splitlines()
    sched = [line for line in sched if line.startswith("SCHED ")]
    head = re.compile(r"^gc \d+ @[\d.]+s")
    milliseconds = re.compile(r"^SCHED \d+ms")
    written, turn = 0, 0
    with open(path, "w") as out:
        while written < wanted:
            turn += 1
            line = head.sub(f"gc {turn} @{turn / 2:.3f}s", gc[turn % len(gc)])
            written += out.write(line + "\n")
            line = milliseconds.sub(f"SCHED {turn * 500}ms", sched[turn % len(sched)])
            written += out.write(line + "\n")


def cpu(command, runs):
    """The least CPU time of the runs, and the last line of what was printed."""
    best, said = float("inf"), ""
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = dict(os.environ, RAYON_NUM_THREADS="1")
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        said = (done.stdout.strip().splitlines() or [""])[0]
    return best, said


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--megabytes", type=int, default=200)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--bin", default=str(REPOSITORY / "target/release/postmortem"))
    arguments.add_argument("--folder")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, make, peers in [
            ("metrics.prom", scrapes, {"prometheus_client, parsing": [sys.executable, "-c", PEER]}),
            ("stderr.log", trace, {}),
        ]:
            path = os.path.join(folder, name)
            make(path, options.megabytes * 1_000_000)
            size = os.path.getsize(path) / 1e6
            readers = {
                "wc -l": ["wc", "-l"],
                "grep -c": ["grep", "-c", "goroutines\\|gc "],
                "postmortem inspect": [options.bin, "inspect"],
                "postmortem analyze": [options.bin, "analyze", "--format", "json"],
            } | peers
            print(f"{name}, {size:.0f} MB")
            for reader, command in readers.items():
                runs = 1 if reader in peers else options.runs
                seconds, said = cpu([*command, path], runs)
                print(f"  {reader:<28} {seconds:7.2f} s of CPU  {size / seconds:7.0f} MB/s   {said[:90]}")
            os.unlink(path)


main()
