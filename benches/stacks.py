#!/usr/bin/env python3
"""Measures the reading of goroutine dumps and profiles beside the field's fastest readers, by CPU time.

Usage: benches/stacks.py [--megabytes 100] [--runs 5] [--gostackparse DIR]

Builds everything in a temporary folder: postmortem in release mode (CARGO_TARGET_DIR is honoured), and the peers with
the `go` on the PATH. gostackparse comes from the Go module proxy, or from DIR, a checkout of it. What cannot be had is
left out and said. Nothing of the peers stays.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
DUMP = ROOT / "samples/go-goroutines/debug2-go1.21/goroutine.txt"


def measure(command, runs):
    """Median CPU seconds, largest resident set in MiB, last line of the output."""
    spent, peak, said = [], 0, ""
    for _ in range(runs):
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = process.stdout.read().strip().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            return None
        spent.append(usage.ru_utime + usage.ru_stime)
        peak, said = max(peak, usage.ru_maxrss / 1024), lines[-1] if lines else ""
    return statistics.median(spent), peak, said


def row(name, result, base=None):
    if result is None:
        print(f"| {name} | not measured | | | |")
        return
    cpu, peak, said = result
    ratio = f"{cpu / base[0]:.2f}" if base else ""
    print(f"| {name} | {cpu:.2f} | {ratio} | {peak:.0f} | {said[:60]} |")


def build_peer(folder, checkout):
    """The program around gostackparse, or None."""
    if not shutil.which("go"):
        return None
    peer = folder / "peer"
    peer.mkdir()
    shutil.copy(HERE / "peers/gostackparse.go", peer / "main.go")
    module = "module peer\n\ngo 1.21\n"
    if checkout:
        module += f"\nrequire github.com/DataDog/gostackparse v0.7.0\n\nreplace github.com/DataDog/gostackparse => {checkout}\n"
    (peer / "go.mod").write_text(module)
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "go")}
    environment["GOTOOLCHAIN"] = "local"
    steps = [] if checkout else [["go", "get", "github.com/DataDog/gostackparse@v0.7.0"]]
    for step in [*steps, ["go", "build", "-o", "gostackparse", "."]]:
        if subprocess.run(step, cwd=peer, env=environment, stderr=subprocess.DEVNULL).returncode != 0:
            return None
    return peer / "gostackparse"


def build_profile(folder):
    """A goroutine profile with 100,000 distinct labels, written by the Go runtime, or None."""
    if not shutil.which("go"):
        return None
    out = folder / "labels.pb.gz"
    environment = {**os.environ, "GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "go"), "GOTOOLCHAIN": "local"}
    command = ["go", "run", str(HERE / "peers/labels.go"), str(out)]
    return out if subprocess.run(command, env=environment).returncode == 0 else None


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--megabytes", type=int, default=100)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--gostackparse", type=pathlib.Path, help="a checkout of github.com/DataDog/gostackparse")
    options = options.parse_args()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    for package in (["-p", "postmortem-parsers", "--example", "group_stacks"], ["-p", "postmortem"]):
        subprocess.run(["cargo", "build", "--release", *package], cwd=ROOT, check=True)
    ours, whole = target / "release/examples/group_stacks", target / "release/postmortem"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print("| program | CPU s | of the peer's | peak MiB | it says |\n|---|---|---|---|---|")
        sizes = [options.megabytes // 4, options.megabytes // 2, options.megabytes]
        dumps = [folder / f"goroutines-{size}.txt" for size in sizes]
        for size, dump in zip(sizes, dumps):
            with open(dump, "wb") as out:
                subprocess.run([sys.executable, HERE / "goroutines.py", DUMP, str(size)], stdout=out, check=True)
        checkout = options.gostackparse.resolve() if options.gostackparse else None
        peer = build_peer(folder, checkout)
        base = measure([peer, dumps[-1]], options.runs) if peer else None
        row(f"gostackparse, parsing, {sizes[-1]} MB", base)
        for size, dump in zip(sizes, dumps):
            row(f"group_stacks, parsing and grouping, {size} MB", measure([ours, dump], options.runs), base if size == sizes[-1] else None)
        row(f"postmortem analyze, {sizes[-1]} MB", measure([whole, "analyze", dumps[-1]], options.runs), base)
        profile = build_profile(folder)
        if profile:
            top = measure(["go", "tool", "pprof", "-top", profile], options.runs)
            row("go tool pprof -top, 100,000 labels", top)
            row("postmortem analyze, 100,000 labels", measure([whole, "analyze", profile], options.runs), top)


main()
